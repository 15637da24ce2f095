"""What the ledger costs a shot, next to four bare objects of the same bytes, and to read as the log grows.

A shot is a claim, the task's id, its completion and its settlement: four entries. S3 is moto, over the wire. The
rival writes as many objects that must not exist before, synced to the disk or by `If-None-Match`, and decides nothing.
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

from bench._rows import row
from longtake import store as stores
from longtake.ledger import CHECKPOINT_EVERY, Budget, Ledger, Purchase

if TYPE_CHECKING:
    from collections.abc import Iterator

    from longtake.store import Store

SIZES = tuple(size // CHECKPOINT_EVERY * CHECKPOINT_EVERY + CHECKPOINT_EVERY // 2 for size in (1_000, 10_000))
"""Entries, and behind the last checkpoint half of those between two."""
SHOTS = 100
FILMS = 50
"""Beside what is open, the state holds a sum for each film and for each run of the last week, so their number stays the same."""
BODY = {"model": "seedance-2.5", "prompt": "Waves break on black rocks at dawn, wide shot. " * 5, "duration": 5}


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


def buy(ledger: Ledger, number: int) -> None:
    """One shot's life."""
    attempt = ledger.claim(order(number), body=BODY, budget=Budget(film=10**9, day=10**12), kept=lambda: False).attempt
    assert attempt is not None
    ledger.accepted(attempt, f"task_{number:032x}")
    ledger.completed(attempt, 400)
    ledger.settled(attempt, clip=f"{number:064x}")


def per_shot(store: Store) -> tuple[float, float]:
    """Milliseconds of a shot in the ledger and as bare objects, which take turns: medians of one writer, on a new log."""
    ledger = Ledger(store, "per-shot")
    buy(ledger, 0)
    ours, bare = [], []
    for number in range(1, SHOTS + 1):
        marks = [time.perf_counter()]
        buy(ledger, number)
        marks.append(time.perf_counter())
        for step in range(4):
            assert store.put_if_absent(f"ledger/bare/{4 * number + step:012}.json", b"x" * 600)
        marks.append(time.perf_counter())
        for into, seconds in zip((ours, bare), (b - a for a, b in itertools.pairwise(marks)), strict=True):
            into.append(1000 * seconds)
    return statistics.median(ours), statistics.median(bare)


def reading(store: Store) -> list[float]:
    """Milliseconds that a process which has just started takes to read a log, as it grows."""
    ledger, found = Ledger(store, "growing"), []
    for size in SIZES:
        for number in range(ledger.read().head // 4, size // 4):
            buy(ledger, number)
        seconds = []
        for _ in range(9):
            began = time.perf_counter()
            assert Ledger(store, "growing").read().head == size
            seconds.append(time.perf_counter() - began)
        found.append(1000 * statistics.median(seconds))
    return found


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


def main() -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="longtake-bench-") as folder, moto() as s3:
        rows = []
        for name, store in (("folder", stores.open(folder)), ("S3", s3)):
            ours, bare = per_shot(store)
            rows.append(row(f"ledger, a shot, {name}", ours, "four bare objects", bare, unit="ms"))
        few, many = reading(stores.open(f"{folder}/growing"))
        rows.append(row(f"read a log of {SIZES[1]:,} entries", many, f"one of {SIZES[0]:,}", few, unit="ms"))
    return {"rows": rows}
