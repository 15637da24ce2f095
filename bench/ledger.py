"""What the ledger costs: per shot on a folder and on S3, and to read as the log grows.

A shot is a claim, the task's id, its completion and its settlement: four entries. S3 is moto in a process of its own, over
the wire. "without" is a reader that finds no checkpoints and folds the log from its first entry.
"""

from __future__ import annotations

import itertools
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from longtake import store as stores
from longtake.ledger import CHECKPOINT_EVERY, Budget, Ledger, Purchase

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from longtake.store import Store

TAIL = CHECKPOINT_EVERY // 2
"""Entries behind the last checkpoint: on average half of those between two."""
SIZES = tuple(size // CHECKPOINT_EVERY * CHECKPOINT_EVERY + TAIL for size in (1_000, 10_000, 100_000))
SHOTS = 100
FILMS = 50
"""Beside what is open, the state holds a sum for each film and for each run of the last week, so their number stays the same."""
STEPS = ("claim", "accepted", "completed", "settled")
BODY = {"model": "seedance-2.5", "prompt": "Waves break on black rocks at dawn, wide shot. " * 5, "duration": 5}


class Counted:
    """A store that counts requests, and may hide the checkpoints."""

    def __init__(self, inner: Store, *, hide: bool = False) -> None:
        self.inner = inner
        self.hide = hide
        self.requests = 0

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - the store's own
        return getattr(self.inner, name)

    def get(self, key: str, **options: Any) -> bytes | None:  # noqa: ANN401 - the store's own
        """As the store's."""
        self.requests += 1
        return self.inner.get(key, **options)

    def put_if_absent(self, key: str, data: bytes, **options: Any) -> bool:  # noqa: ANN401 - the store's own
        """As the store's."""
        self.requests += 1
        return self.inner.put_if_absent(key, data, **options)

    def list(self, prefix: str, **options: Any) -> Iterator[str]:  # noqa: ANN401 - the store's own
        """As the store's, or nothing."""
        self.requests += 1
        return iter(()) if self.hide else self.inner.list(prefix, **options)


def order(number: int) -> Purchase:
    film = f"film-{number % FILMS}"
    return Purchase(
        film=film,
        scene="dawn",
        shot=f"shot-{number}",
        take=1,
        fingerprint=f"{number:064x}",
        description=f"{number:064x}",
        model="seedance-2.5",
        run=f"run of {film}",
        expected=400,
        reserve=400,
    )


def buy(ledger: Ledger, number: int) -> list[float]:
    """One shot's life; the seconds of each step."""
    marks = [time.perf_counter()]
    attempt = ledger.claim(order(number), body=BODY, budget=Budget(film=10**9, day=10**12), kept=lambda: False).attempt
    assert attempt is not None
    marks.append(time.perf_counter())
    for step in (
        lambda: ledger.accepted(attempt, f"task_{number:032x}"),
        lambda: ledger.completed(attempt, 400),
        lambda: ledger.settled(attempt, clip=f"{number:064x}"),
    ):
        step()
        marks.append(time.perf_counter())
    return [after - before for before, after in itertools.pairwise(marks)]


def per_shot(store: Store) -> dict[str, Any]:
    """Medians of one writer that is alone, on a new log."""
    counted = Counted(store)
    ledger = Ledger(counted, "per-shot")  # type: ignore[arg-type]
    buy(ledger, 0)
    counted.requests, cpu = 0, time.process_time()
    seconds = [buy(ledger, number) for number in range(1, SHOTS + 1)]
    cpu = (time.process_time() - cpu) / SHOTS
    steps = {name: statistics.median(step) * 1000 for name, step in zip(STEPS, zip(*seconds, strict=True), strict=True)}
    shot = statistics.median(sum(each) for each in seconds) * 1000
    return {"ms": shot, "cpu_ms": cpu * 1000, "requests": counted.requests / SHOTS, "steps_ms": steps}


def timed(work: Callable[[], object], *, times: int) -> float:
    """The median in seconds."""
    seconds = []
    for _ in range(times):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def folds(store: Store, sizes: tuple[int, ...]) -> Iterator[dict[str, Any]]:
    """Grow one log; at each size read it as a process that has just started does."""
    ledger = Ledger(store, "growing")
    for size in sizes:
        head = ledger.read().head
        for number in range(head // len(STEPS), size // len(STEPS)):
            buy(ledger, number)
        counted = Counted(store)
        state = Ledger(counted, "growing").read()  # type: ignore[arg-type]
        assert state.head == size
        hiding = Counted(store, hide=True)
        yield {
            "entries": size,
            "read_ms": timed(lambda: Ledger(store, "growing").read(), times=9) * 1000,
            "requests": counted.requests,
            "without_ms": timed(lambda: Ledger(hiding, "growing").read(), times=1) * 1000,  # type: ignore[arg-type] # noqa: B023 - run at once
            "history_s": timed(lambda: sum(1 for _ in Ledger(store, "growing").log.history()), times=1),
        }


@contextmanager
def moto() -> Iterator[Store]:
    """S3 by moto, with one bucket."""
    os.environ |= {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench-secret", "AWS_REGION": "us-east-1"}
    server = [sys.executable, "-c", "from moto.server import main; main(['-H', '127.0.0.1', '-p', '0'])"]
    with subprocess.Popen(server, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stderr is not None
            place = next(found[0] for line in process.stderr if (found := re.search(r"http://127\.0\.0\.1:\d+", line)))
            # The rest of its lines goes where it keeps nobody waiting.
            drain = subprocess.Popen(["cat"], stdin=process.stderr, stdout=subprocess.DEVNULL)
            os.environ["AWS_ENDPOINT_URL"] = place
            with urllib.request.urlopen(urllib.request.Request(f"{place}/bench", method="PUT")):  # noqa: S310 - moto's own
                yield stores.open("s3://bench/ledger")
        finally:
            process.terminate()
            drain.wait()


def row(*cells: object) -> None:
    print("  " + "".join(f"{cell:>14.1f}" if isinstance(cell, float) else f"{cell:>14}" for cell in cells), flush=True)


def main() -> dict[str, Any]:
    shots: dict[str, Any] = {}
    growing: dict[str, list[dict[str, Any]]] = {"folder": [], "s3": []}
    with tempfile.TemporaryDirectory(prefix="longtake-bench-") as folder, moto() as s3:
        places = {"folder": stores.open(folder), "s3": s3}
        row("one shot", "ms", "CPU ms", "requests", *(f"{step} ms" for step in STEPS))
        for name, store in places.items():
            shots[name] = found = per_shot(store)
            row(name, found["ms"], found["cpu_ms"], found["requests"], *found["steps_ms"].values())
        print()
        row("log", "entries", "read ms", "requests", "without ms", "history s")
        for name, sizes in (("folder", SIZES), ("s3", SIZES[:1])):
            for found in folds(places[name], sizes):
                growing[name].append(found)
                row(
                    name,
                    *(found[key] for key in ("entries", "read_ms", "requests", "without_ms", "history_s")),
                )
    return {"shot": shots, "read": growing, "films": FILMS}
