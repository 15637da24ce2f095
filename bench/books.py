"""What an export of the books costs: all of a ledger, and what is new on top of a short and of a long one.

An attempt is four entries. Peak memory is that of a process of its own that exports, over the same process that has imported all.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench._rows import row
from longtake import store as stores
from longtake.books import over_parquet
from longtake.ledger import CHECKPOINT_EVERY, Ledger, LedgerState, Purchase, accounts, fold
from longtake.ledger import entries as e
from longtake.ledger.checkpoint import checkpoint_of

SIZES = (1_000, 100_000)
NEW = 1_000
ACCOUNT = "provider.example-0123456789ab"
BODY = {"model": "seedance-2.5", "prompt": "Waves break on black rocks at dawn, wide shot. " * 5, "resolution": "480p"}
EXPORT = """\
import json, resource, sys, time
from longtake import books, store
from longtake.books import arrow
arrow.check()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
started, cpu = time.perf_counter(), time.process_time()
rows = books.export(store.open(sys.argv[1]), sys.argv[2], "parquet").rows
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"s": time.perf_counter() - started, "cpu_s": time.process_time() - cpu, "entries": rows["entries"],
                  "memory_mb": (peak - before) / 1024}))
"""


def grow(folder: Path, state: LedgerState, until: int, *, per_day: int = 2_000) -> None:
    """Write the entries of attempts as files, as a ledger does, until that many exist, spread over days."""
    home = folder / "ledger" / ACCOUNT
    home.mkdir(parents=True, exist_ok=True)
    before = None if not state.head else e.digest_of((home / f"{state.head:012d}.json").read_bytes())
    for number in range(state.head // 4, until // 4):
        at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=number * 4 // per_day, seconds=number % 500 * 100)
        stamp: dict[str, Any] = {"at": at, "by": "bench"}
        name = f"{number:064x}"
        order = Purchase(
            film=f"film-{number % 50}", scene="s", shot=f"shot-{number % 500}", take=1, fingerprint=name, description=name,
            model="seedance-2.5", run="r", expected=400, reserve=400, labels={"campaign": f"c{number % 7}"},
        )  # fmt: skip
        attempt = f"a{number * 4 + 1}"
        for entry in (
            e.Intent(**stamp, before=before, order=order, number=1, lease_until=at, body=BODY),
            e.Accepted(**stamp, attempt=attempt, task_id=f"task_{number:032x}"),
            e.Completed(**stamp, attempt=attempt, credits=400),
            e.Settled(**stamp, attempt=attempt, credits=400, basis="usage", clip=name),
        ):
            data = e.dump(entry.model_copy(update={"before": before}))
            before = e.digest_of(data)
            fold.apply(state, state.head + 1, entry)
            (home / f"{state.head:012d}.json").write_bytes(data)
            if state.head % CHECKPOINT_EVERY == 0:
                down = 10**12 - 1 - state.head
                checkpoint = home / "checkpoints" / f"{down // 10**4:08d}" / f"{down:012d}.json"
                checkpoint.parent.mkdir(parents=True, exist_ok=True)
                checkpoint.write_bytes(checkpoint_of(state, None))


def exported(store: Path, to: Path) -> dict[str, float]:
    """Export in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", EXPORT, str(store), str(to)], capture_output=True, text=True, check=True
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def check_sums(place: Path, to: Path) -> None:
    """See that the tables come to what `longtake credits` says, by film and by label."""
    import duckdb

    ledger, books = Ledger(stores.open(str(place)), ACCOUNT), duckdb.connect()
    books.execute(over_parquet(stores.open(str(to))))
    for by, names, label in (("film", ("film",), None), ("labels['campaign']", ("label",), "campaign")):
        lines = accounts.grouped(accounts.lines(ledger, label=label), names)
        told = {getattr(line, names[0]): (line.attempts, line.settled, line.reserved) for line in lines}
        cut = books.sql(f"SELECT {by}, sum(attempts), sum(settled), sum(reserved) FROM attempts GROUP BY 1").fetchall()  # noqa: S608 - our own names
        assert {name: tuple(map(int, numbers)) for name, *numbers in cut} == told


def main() -> dict[str, Any]:
    wholes, news = [], []
    for size in SIZES:
        with tempfile.TemporaryDirectory(prefix="longtake-bench-") as folder:
            place, to, state = Path(folder) / "store", Path(folder) / "books", LedgerState()
            grow(place, state, size)
            wholes.append(exported(place, to))
            grow(place, state, size + NEW)
            news.append(exported(place, to))
            assert (wholes[-1]["entries"], news[-1]["entries"]) == (size, NEW)
            check_sums(place, to)
    few, many = (f"{size:,} entries" for size in SIZES)
    return {
        "rows": [
            row(f"export {NEW:,} new on {many}, CPU", news[1]["cpu_s"], f"on {few}", news[0]["cpu_s"], aim=2.0),
            row(f"export {many}, memory", wholes[1]["memory_mb"], few, wholes[0]["memory_mb"], unit="MB"),
        ],
        "exports": {few: [wholes[0], news[0]], many: [wholes[1], news[1]]},
    }
