"""A world to make films in: a provider that fails, a store that fails, and processes that are killed, with clocks that differ."""

from __future__ import annotations

import collections
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import many_faults
import mixed_films
import pytest
from emulators import Emulator, emulator_process
from faulty_s3 import faulty_s3
from processes import clean_environment

from longtake import settings as environment
from longtake import store as stores
from longtake.errors import LedgerError
from longtake.take import ledger_of

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable

    from faulty_s3 import FaultyS3

    from longtake.ledger import LedgerState
    from longtake.settings import Settings
    from longtake.store import Store

WORKER = Path(__file__).with_name("worker.py")
KEY = "key-of-the-soak"
CREDITS = 10_000_000
POST_TIMEOUT = 8.0
QUIET = 30.0
"""Seconds that a reconciliation waits: an intent may be used for 20 s, and no POST lasts longer than `POST_TIMEOUT`."""
BOUND = 600.0
"""Seconds in which each process ends: on a quiet machine it takes a tenth of that, and one that waits for a clock takes hours."""


@dataclass(eq=False)
class Worker:
    """A process that runs, and what it has said."""

    order: dict[str, Any]
    child: subprocess.Popen[str]
    elsewhere: bool
    """Whether it is on another machine, as far as it and the others can see: in a pid namespace of its own."""
    began: float = field(default_factory=time.monotonic)
    results: list[dict[str, Any]] = field(default_factory=list)
    rest: list[str] = field(default_factory=list)
    dies: float | None = None
    """Seconds of work after which it is killed."""
    full: list[tuple[float, float]] = field(default_factory=list)
    """From when to when it finds the disk full, in seconds of work."""
    awake: float | None = None
    """When it began to work: to load everything takes long on a busy machine."""
    filled: bool = False
    killed: bool = False

    def __post_init__(self) -> None:
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.child.stdout is not None
        for line in self.child.stdout:
            self.awake = self.awake or time.monotonic()
            if line.startswith("@") and line.endswith("\n"):
                self.results.append(json.loads(line[1:]))
            else:
                self.rest.append(line)

    @property
    def age(self) -> float:
        """Seconds since it was started."""
        return time.monotonic() - self.began

    @property
    def work(self) -> float:
        """Seconds for which it has worked."""
        return time.monotonic() - self.awake if self.awake else 0.0

    @property
    def runs(self) -> bool:
        return self.child.poll() is None

    def kill(self) -> None:
        """End it at once, with what runs below it."""
        self.killed = True
        os.killpg(self.child.pid, signal.SIGKILL)

    def fill(self, *, full: bool) -> bool:
        """Let no file of the process grow, as on a full disk, or let them grow again; false where it is gone."""
        try:
            for pid in (self.child.pid, *_children(self.child.pid)):
                resource.prlimit(
                    pid, resource.RLIMIT_FSIZE, (0 if full else resource.RLIM_INFINITY, resource.RLIM_INFINITY)
                )
        except (ProcessLookupError, FileNotFoundError):
            return False
        self.filled = full
        return True

    def ended(self) -> list[dict[str, Any]]:
        """Wait for what is still in the pipe; give the results."""
        self._reader.join(20)
        return self.results

    def stacks(self) -> str:
        """Where its threads stand."""
        for pid in _children(self.child.pid) if self.elsewhere else [self.child.pid]:
            os.kill(pid, signal.SIGUSR1)
        time.sleep(2)
        return "".join(self.rest[-200:])


def _children(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _namespaces() -> tuple[str, ...]:
    """The words that start a process in a pid namespace of its own; none where this machine does not allow it."""
    words = ("unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount-proc")
    try:
        tried = subprocess.run([*words, "true"], capture_output=True, check=False)
    except FileNotFoundError:
        return ()
    return words if tried.returncode == 0 else ()


class World:
    """A provider, a store, an account, and the processes that use them."""

    def __init__(
        self, folder: Path, provider: Emulator, place: dict[str, str], direct: Settings, faulty: FaultyS3 | None
    ) -> None:
        self.folder, self.provider, self.faulty = folder, provider, faulty
        self.quiet = QUIET
        self.settings = direct
        self.store: Store = stores.of(direct)
        self.ledger = ledger_of(direct, self.store)
        self._place = place
        self._elsewhere = _namespaces()
        self._entries: list[Any] = []
        self._doubts: dict[str, float] = {}
        self._refunds: dict[str, float | None] = {}
        self.paid_late: dict[str, int] = {}
        self.written_off: collections.Counter[str] = collections.Counter()
        """Prompts whose clip another attempt got, because the provider gave the id of a task whose own answer was lost."""
        self.done: collections.Counter[str] = collections.Counter()
        """What was done to processes, and how often."""
        self.raw: list[str] = []
        """Exceptions that are not the product's own."""

    # -- processes -------------------------------------------------------------------------------------------------------

    def start(self, verb: str, *, hours: float = 0.0, elsewhere: bool = False, **order: Any) -> Worker:
        """Start a process."""
        given = {"verb": verb, "hours": hours, "post_timeout": POST_TIMEOUT, **order}
        elsewhere = elsewhere and bool(self._elsewhere)
        words = [*(self._elsewhere if elsewhere else ()), sys.executable, "-P", str(WORKER), json.dumps(given)]
        child = subprocess.Popen(
            words,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=self._environment(),
            start_new_session=True,
        )
        self.done["processes"] += 1
        self.done["clock ahead"] += hours > 0.1
        self.done["clock behind"] += hours < -0.1
        self.done["on another machine"] += elsewhere
        return Worker(given, child, elsewhere)

    def _environment(self) -> dict[str, str]:
        (self.folder / "tmp").mkdir(exist_ok=True)
        return clean_environment(
            LONGTAKE_API_KEY=KEY,
            LONGTAKE_BASE_URL=self.provider.base_url,
            LONGTAKE_CATALOG=str(self.folder / "catalog.json"),
            LONGTAKE_LONGEST_WAIT="60",
            LONGTAKE_SUBMITS_PER_SECOND="1000",
            TMPDIR=str(self.folder / "tmp"),
            **self._place,
        )

    def strike(self, worker: Worker) -> None:
        """Do to a process what is due."""
        if worker.dies is not None and worker.work > worker.dies and worker.runs:
            worker.kill()
            self.done["killed"] += 1
            return
        full = any(start < worker.work < end for start, end in worker.full)
        if full != worker.filled and worker.runs and worker.fill(full=full):
            self.done["disk full"] += full
        if worker.age > BOUND and worker.runs:
            said = worker.stacks()
            worker.kill()
            pytest.fail(f"a process did not end within {BOUND:.0f} s: {worker.order}\n{said}")

    def take(self, worker: Worker) -> list[dict[str, Any]]:
        """Take the results of a process that has ended, and note what must not be in them."""
        results = worker.ended()
        self.raw += [f"{one['where']}: {one['raw']}" for one in results if "raw" in one]
        if not worker.killed and not (results and results[-1].get("ended")):
            self.raw.append(f"a process ended with {worker.child.returncode}: {''.join(worker.rest[-60:])}")
        for one in results:
            texts = [one.get("message", ""), *one.get("shots", {}).values()]
            self.done["told of the full disk"] += any("File too large" in text for text in texts)
            self.raw += [f"{one['board']}: {text}" for text in texts if " stopped by " in text]
        return results

    # -- what a person does ----------------------------------------------------------------------------------------------

    def entries(self) -> list[Any]:
        """The log so far."""
        while (entry := self.ledger.log.entry(len(self._entries) + 1)) is not None:
            self._entries.append(entry)
        return self._entries

    def settle(self, *, patience: float) -> int:
        """Settle doubts that are known for `patience` seconds, with the provider's own list of tasks; give how many.

        With patience 0 no process may be running: a POST could still be on its way.
        """
        now, settled = time.monotonic(), 0
        state = self.ledger.read()
        due = [one for one in state.doubts() if now - self._doubts.setdefault(one.id, now) >= patience]
        if not due:
            return 0
        entries = self.entries()
        buyers = {entry.task_id: entry.attempt for entry in entries if entry.kind in {"accepted", "adopted"}}
        prompts = {f"a{at}": entry.body["prompt"] for at, entry in enumerate(entries, 1) if entry.kind == "intent"}
        tasks = self.provider.tasks()
        for doubt in due:
            ours = [one["id"] for one in tasks if one["prompt"] == prompts[doubt.id]]
            found = [one for one in ours if one not in buyers]
            lost = any(prompts[buyers[one]] != prompts[doubt.id] for one in ours if one in buyers)
            try:
                if found:
                    buyers[found[0]] = doubt.id
                    self.ledger.adopt(doubt.id, found[0], who="a person", why="the provider's list has it")
                elif lost:
                    self.ledger.resolve(doubt.id, "written_off", who="a person", why="another attempt has its task")
                    self.written_off[prompts[doubt.id]] += 1
                else:
                    self.ledger.resolve(
                        doubt.id, "not_charged", who="a person", why="the provider's list has no task for it"
                    )
            except LedgerError:
                continue  # settled by a reconciliation meanwhile
            settled += 1
        return settled

    def pay_refunds(self, dice: random.Random, *, now: bool = False) -> None:
        """Pay some of the refunds that did not come, later, or all that are to be paid `now`; others never come."""
        at = time.monotonic()
        for task in self.provider.tasks():
            if task["status"] == "failed" and not task["refunded"] and task["id"] not in self._refunds:
                self._refunds[task["id"]] = at + dice.uniform(2, 40) if dice.random() < 0.6 else None
                self.done["refund withheld"] += 1
            due = self._refunds.get(task["id"])
            if due is not None and (now or at > due) and task["id"] not in self.paid_late:
                self.provider.top_up(task["debited"])
                self.paid_late[task["id"]] = task["debited"]
                self.done["refund late"] += 1

    def confirm_refunds(self) -> int:
        """Say of refunds that the balance cannot tell apart which have come, as the provider's books show; give how many."""
        state = self.ledger.read()
        due = {one.attempt for one in (*state.unproven, *state.missing)}
        found = sorted(due - self._not_come(due))
        for attempt in found:
            self.ledger.refund_seen(attempt, who="a person", why="the provider's books have it")
        return len(found)

    def never_came(self, state: LedgerState) -> int:
        """Credits of refunds that were due before the balance was first read and never came: no reading can show that."""
        due = {one.attempt: one.credits for one in state.unproven if one.unopened}
        return sum(due[one] for one in self._not_come(due))

    def open_still(self, state: LedgerState) -> list[Any]:
        """What another reconciliation or another run may settle."""
        lost = self._not_come({one.attempt for one in state.unproven if one.unopened})
        return [*state.attempts.values(), *(one for one in state.unproven if one.attempt not in lost)]

    def _not_come(self, attempts: Iterable[str]) -> set[str]:
        tasks = {entry.attempt: entry.task_id for entry in self.entries() if entry.kind in {"accepted", "adopted"}}
        came = {one["id"] for one in self.provider.tasks() if one["refunded"]} | self.paid_late.keys()
        return {attempt for attempt in attempts if tasks[attempt] not in came}

    def mend(self) -> dict[str, int]:
        """End every fault; give how often each struck at the provider."""
        struck = self.provider.struck()
        self.provider.mend()
        if self.faulty is not None:
            self.faulty.mend()
        return struck


@contextmanager
def _world(folder: Path, seed: int, place: dict[str, str], direct: dict[str, str], faulty: FaultyS3 | None):
    catalog = mixed_films.catalog(folder / "catalog.json")
    public = folder / "store"
    public.mkdir()
    options = ("--balance", CREDITS, "--copies", "--catalog", catalog, "--public", public, "--seed", seed)
    with emulator_process(folder, *options, keys=(KEY,)) as provider:
        if faulty is None:
            place = direct = {"LONGTAKE_STORE": str(public), "LONGTAKE_PUBLIC_URL": provider.store_url or ""}
        own = environment.from_environment({"LONGTAKE_API_KEY": KEY, "LONGTAKE_BASE_URL": provider.base_url, **direct})
        provider.fault(*many_faults.RULES)
        yield World(folder, provider, place, own, faulty)


@pytest.fixture
def folder_world(tmp_path):
    """Give a function that makes a world whose store is a folder."""
    return lambda seed: _world(tmp_path, seed, {}, {}, None)


@pytest.fixture
def bucket_world(tmp_path, busy_bucket):
    """Give a function that makes a world whose store is a bucket behind a faulty proxy; the test itself reads past the proxy."""

    @contextmanager
    def made(seed: int):
        with faulty_s3(os.environ["AWS_ENDPOINT_URL"], seed) as faulty:
            uri = {"LONGTAKE_STORE": f"s3://{busy_bucket}/films"}
            aws = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
            with _world(tmp_path, seed, {**uri, **aws, "AWS_ENDPOINT_URL": faulty.url}, uri, faulty) as world:
                yield world

    return made
