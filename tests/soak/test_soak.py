"""Hundreds of films while everything fails at once: each is whole in the end, nothing is bought twice, the books are right.

The provider, the store, the clocks and the disk fail at random, and processes are killed. LONGTAKE_SOAK_FILMS says how many films
there are, LONGTAKE_SOAK_SEED repeats the same films and dice.
"""

from __future__ import annotations

import collections
import contextlib
import json
import os
import random
import time

import av
import mixed_films
import pytest
from many_faults import BALANCE, MEDIA, POLL

from longtake import store as stores
from longtake.ledger import accounts, fold
from longtake.ledger.audit import audit
from longtake.ledger.state import LedgerState

SEED = int(os.environ.get("LONGTAKE_SOAK_SEED", "0")) or random.SystemRandom().randrange(1, 2**31)
FILMS = int(os.environ.get("LONGTAKE_SOAK_FILMS", "310"))
STORM = 900.0
"""Seconds after which the faults end, also where not every film is whole."""
AT_ONCE = 4
"""Processes that make films side by side."""
BATCH = 10
"""Films for one process."""
RECONCILED = 75.0
"""Seconds between two reconciliations in the storm: while one waits, nothing is bought."""
PATIENCE = 45.0
"""Seconds after which a person settles a doubt in the storm: no POST can be on its way any more."""


class Soak:
    """The films of one world, and how far they are."""

    def __init__(self, world, films, dice, show):
        self.world, self.films, self.dice, self.show = world, {str(one.board): one for one in films}, dice, show
        self.whole: dict[str, str] = {}
        self.tried: collections.Counter[str] = collections.Counter()
        self.errors: collections.Counter[str] = collections.Counter()
        self.workers = []
        self.began = time.monotonic()

    @property
    def age(self):
        return time.monotonic() - self.began

    # -- processes -------------------------------------------------------------------------------------------------------

    def hours(self):
        """How far a process's clock is off: often not at all, else up to two hours."""
        return 0.0 if self.dice.random() < 0.3 else self.dice.uniform(-2, 2)

    def batch(self):
        """Films for a process: those tried least, some that other processes make just now, and one that is whole."""
        left = [name for name in self.films if name not in self.whole]
        self.dice.shuffle(left)
        busy = {name for worker in self.workers for name in worker.order.get("boards", ())}
        left.sort(key=lambda name: (name in busy, self.tried[name]))
        chosen = left[: BATCH - 3] + self.dice.sample(left[BATCH - 3 :], min(2, len(left[BATCH - 3 :])))
        chosen += self.dice.sample(sorted(self.whole), min(1, len(self.whole)))
        self.tried.update(chosen)
        return chosen

    def start_worker(self, *, storm=True, boards=None):
        dice = self.dice
        worker = self.world.start(
            "make", hours=self.hours(), elsewhere=dice.random() < 0.5, boards=boards or self.batch(), at_once=4
        )
        if storm:
            worker.dies = dice.uniform(0.5, 20) if dice.random() < 0.35 else None
            if dice.random() < 0.3:
                first = dice.uniform(0.5, 12)
                worker.full.append((first, first + dice.choice((0.5, 2, 6, 60))))
        self.workers.append(worker)

    def start_reconciliation(self, *, storm=True):
        dice = self.dice
        elsewhere = dice.random() < 0.5
        worker = self.world.start(
            "reconcile", hours=self.hours(), elsewhere=elsewhere, quiet=self.world.quiet if storm else 1.0
        )
        if storm and not elsewhere and dice.random() < 0.4:
            # One that dies on another machine holds everyone up until the time in its barrier.
            worker.dies = dice.uniform(0.2, 40)
        self.workers.append(worker)
        return worker

    def look(self):
        """Do what is due to processes, and take the results of those that ended; give the ended ones."""
        ended = [worker for worker in self.workers if not worker.runs]
        for worker in self.workers:
            self.world.strike(worker)
        for worker in ended:
            self.workers.remove(worker)
            for one in self.world.take(worker):
                if one.get("place") and not one["left"]:
                    self.whole[one["board"]] = one["place"]
                if "error" in one:
                    self.errors[one["error"]] += 1
        return ended

    def wait(self, why):
        """Wait until every process has ended."""
        while self.workers:
            time.sleep(0.1)
            self.look()
            self.report(why)

    def report(self, phase):
        if time.monotonic() - getattr(self, "reported", 0) > 10:
            self.reported = time.monotonic()
            books = self.world.provider.books()
            self.show(
                f"{phase} {self.age:5.0f} s: {len(self.whole)} of {len(self.films)} films, {len(self.workers)} processes, "
                f"{books['posts']['received']} POSTs, {len(self.world.raw)} loose exceptions, {dict(self.world.done)}"
            )

    # -- the story -------------------------------------------------------------------------------------------------------

    def storm(self):
        """Make films while everything fails."""
        reconciled = time.monotonic()
        # The last ones mostly wait for what settles doubts.
        while self.age < STORM and len(self.films) - len(self.whole) > len(self.films) // 20:
            time.sleep(0.2)
            self.look()
            # The last films wait for what settles doubts: to ask for them again and again is of no use.
            room = min(AT_ONCE, 1 + (len(self.films) - len(self.whole)) // BATCH)
            while sum(worker.order["verb"] == "make" for worker in self.workers) < room:
                self.start_worker()
            if time.monotonic() - reconciled > RECONCILED and not any(
                w.order["verb"] == "reconcile" for w in self.workers
            ):
                reconciled = time.monotonic()
                self.start_reconciliation()
            self.world.done["settled by a person"] += self.world.settle(patience=PATIENCE)
            self.world.pay_refunds(self.dice)
            self.report("storm")
        self.wait("storm ends")

    def calm(self):
        """Make what is left, without faults."""
        self.world.pay_refunds(self.dice, now=True)
        for _ in range(10):
            self.start_reconciliation(storm=False)
            self.wait("calm")
            self.world.done["settled by a person"] += self.world.settle(patience=0)
            self.world.confirm_refunds()
            left = [name for name in self.films if name not in self.whole]
            state = self.world.ledger.read()
            if not (left or self.world.open_still(state)):
                break
            half = (len(left) + 1) // 2
            for part in (left[:half], left[half:]):
                if part:
                    self.start_worker(storm=False, boards=part)
            self.wait("calm")


def doubles(world, wants):
    """Prompts for which more was bought at some moment than they want takes: (prompt, credits in use, when)."""
    tasks = {task["id"]: task for task in world.provider.books()["tasks"]}
    ends = {one["id"]: one["finished_at"] if one["status"] == "failed" else float("inf") for one in tasks.values()}
    found = []
    by_prompt = collections.defaultdict(list)
    for task in tasks.values():
        by_prompt[task["prompt"]].append(task)
    for prompt, bought in by_prompt.items():
        for one in bought:
            stands = [other["id"] for other in bought if other["created_at"] <= one["created_at"] < ends[other["id"]]]
            if len(stands) > wants[prompt]:
                found.append((prompt, stands))
    return found


def most_over_budget(soak):
    """Films whose budget was passed at some moment, by the ledger's own fold."""
    budgets = {}
    for one in soak.films.values():
        board = json.loads(one.board.read_text())
        if "budget" in board:
            budgets[one.name] = board["budget"]
    state, over = LedgerState(), {}
    for number, entry in enumerate(soak.world.entries(), 1):
        fold.apply(state, number, entry)
        film = entry.order.film if entry.kind == "intent" else None
        if film in budgets and (used := state.used(film=film).film) > budgets[film]:
            over[film] = used
    return over


def check_films(soak, folder):
    """Every film decodes, with as many frames as its manifest says; give how many frames that is."""
    world, frames = soak.world, 0
    for key in world.store.list("films/"):
        if not key.endswith("/film.mp4"):
            continue
        manifest = json.loads(world.store.get(key.replace("film.mp4", "manifest.json"), limit=2**26))
        with stores.local_copy(world.store, key) as path, av.open(str(path)) as container:
            count = sum(1 for _ in container.decode(video=0))
        assert count == manifest["frames"], (key, count, manifest["frames"])
        frames += count
    return frames


@pytest.mark.deep
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", ["folder", "bucket"])
def test_films_under_every_fault_at_once(kind, request, capfd, tmp_path):
    made = request.getfixturevalue(f"{kind}_world")

    def show(text):
        with capfd.disabled():
            print(text, flush=True)  # noqa: T201 - progress, and the seed that repeats a failure

    show(f"LONGTAKE_SOAK_SEED={SEED} LONGTAKE_SOAK_FILMS={FILMS} -k {kind}")
    dice = random.Random(f"{SEED} {kind}")
    (boards := tmp_path / "boards").mkdir()
    # A film takes three times as long in a bucket, where each of its hundreds of requests passes two servers of this machine.
    count = FILMS // 4 if kind == "bucket" else FILMS - FILMS // 4
    films = mixed_films.films(boards, count, dice, marker=f"soak-{kind}")
    with made(SEED) as world:
        soak = Soak(world, films, dice, show)
        try:
            soak.storm()
            struck = world.mend()
            soak.calm()
            verdict(soak, struck, tmp_path, show)
        finally:
            for worker in soak.workers:
                with contextlib.suppress(ProcessLookupError):
                    worker.kill()


def verdict(soak, struck, folder, show):
    """The oracle."""
    world = soak.world
    wants = collections.Counter()
    for film in soak.films.values():
        wants |= collections.Counter(film.wants)
    wants += world.written_off  # bought again, and a person knows it
    tasks = world.provider.tasks()
    made = collections.Counter(task["prompt"] for task in tasks if task["status"] == "completed")
    injected = {
        **struck,
        **{f"S3 {name}": count for name, count in (world.faulty.struck if world.faulty else {}).items()},
    }
    show(
        f"{len(soak.films)} films, {sum(wants.values())} takes, {world.provider.posts} POSTs, {len(world.entries())} entries, "
        f"{soak.age:.0f} s, films tried {sum(soak.tried.values())} times, "
        f"{sum(world.written_off.values())} clips got by another shot\nprovider and store: {injected}\n"
        f"processes: {dict(world.done)}\nerrors: {dict(soak.errors)}"
    )
    show("\n".join(world.raw))
    missing = {name: soak.tried[name] for name in soak.films if name not in soak.whole}
    assert missing == {}, "films that are not whole"
    assert doubles(world, wants) == []
    assert made == wants
    assert world.raw == [], "exceptions that are not the product's own"
    state, books = world.ledger.read(), world.provider.books()
    assert audit(world.ledger.log).problems == []
    assert world.open_still(state) == []
    assert state.expected_balance == books["balance"]
    late = sum(world.paid_late.values())
    moved = {kind: sum(e["credits"] for e in books["entries"] if e["kind"] == kind) for kind in ("debit", "refund")}
    assert state.debits - state.refunds + world.never_came(state) == moved["debit"] - moved["refund"] - late
    total = accounts.total(accounts.lines(world.ledger))
    # Refunds that never came are lines of their own.
    assert sum(state.films.values()) == total.settled + total.written_off == state.debits - state.refunds
    assert most_over_budget(soak) == {}
    frames = check_films(soak, folder)
    posts = world.provider.posts
    soak.start_worker(storm=False, boards=list(soak.films))
    again = soak.workers[0]
    soak.wait("again")
    told = [one for one in again.results if "board" in one]
    assert {one.get("place") for one in told} == set(soak.whole.values())
    assert {one["charged"] for one in told} == {0}
    assert world.provider.posts == posts
    show(f"doubles 0, {frames} frames of film decoded, {world.provider.posts} POSTs, {soak.age:.0f} s")
    check_injected(collections.Counter(injected) + world.done, soak)


LEAST = {
    "not charged": (
        20,
        "submit 429",
        "submit 500",
        "submit 503-before",
        "submit drop-before",
        "submit redirect",
        "submit refuse-30002",
    ),
    "charged, answer lost": (
        20,
        "submit 500-after",
        "submit drop-after",
        "submit garbage",
        "submit html",
        "submit no-id",
    ),
    "no answer in time": (1, "submit stall"),
    "an id of another task": (2, "submit same-id"),
    "failed tasks": (15, "submit fail-80003", "submit fail-80006", "submit fail-80007"),
    "refunds withheld": (5, "submit no-refund"),
    "refunds late": (2, "refund late"),
    "poor clips": (5, "submit black", "submit tint"),
    "broken downloads": (20, *(f"media {kind}" for kind in MEDIA)),
    "polls": (100, *(f"poll {kind}" for kind in POLL)),
    "balance": (2, *(f"balance {kind}" for kind in BALANCE)),
    "killed": (5, "killed"),
    "clocks ahead": (5, "clock ahead"),
    "clocks behind": (5, "clock behind"),
    "other machines": (5, "on another machine"),
    "full disks": (5, "disk full"),
}
"""What 160 films get at least, and what counts as that."""
LEAST_S3 = {
    name: (least, f"S3 {name}")
    for name, least in (
        ("lost answer", 50),
        ("no answer", 50),
        ("503", 50),
        ("409", 20),
        ("412", 20),
        ("stale list", 20),
    )
}


def check_injected(injected, soak):
    """A soak that injects nothing proves nothing."""
    least = {**LEAST, **(LEAST_S3 if soak.world.faulty else {})}
    found = {name: sum(injected[kind] for kind in kinds) for name, (_, *kinds) in least.items()}
    soak.show(f"injected: {found}")
    assert {name for name, (count, *_) in least.items() if found[name] < count * len(soak.films) // 160} == set()
