"""Whether memory stays flat over a long film: in the client of `Studio.make` and of the flow, at 10 % and 95 % of the shots.

Hundreds of shots in chains of ten, a tenth of them in flight. Clips are tiny, because what is measured is what a run holds of each
shot; a film of real clips is in the other measurements. A generation takes long enough for the machine to keep up: where clips
come faster than they can be examined, those that wait are held, too. `BENCH_SHOTS`, `BENCH_IN_FLIGHT` and `BENCH_SECONDS` ask for
another size; 5,000 shots, 500 in flight, are generated in 60 seconds each.
"""

from __future__ import annotations

import os
import statistics
from collections import Counter
from typing import TYPE_CHECKING, Any

from bench import _clips
from bench._rows import row
from bench._stage import BATCHES, stage

if TYPE_CHECKING:
    from bench._stage import Ran, Server, Stage

LENGTH = 10
SHOTS, IN_FLIGHT = int(os.environ.get("BENCH_SHOTS", "240")), os.environ.get("BENCH_IN_FLIGHT", "24")
SECONDS = float(os.environ.get("BENCH_SECONDS", "4"))
"""Of a generation."""


def around(ran: Ran, moment: float) -> float:
    """Megabytes around a moment, in seconds since 1970."""
    near = sorted(ran.samples, key=lambda sample: abs(sample.at - moment))[:5]
    return statistics.median(sample.megabytes for sample in near)


def measured(on: Stage, way: str, server: Server | None) -> dict[str, Any]:
    with on.provider(SECONDS, _clips.SMALL) as provider:
        board = on.board(f"memory-{way}", SHOTS // LENGTH, LENGTH, _clips.SMALL)
        more = {"LONGTAKE_MAX_IN_FLIGHT": IN_FLIGHT}
        ran = on.client(way, board, provider, _clips.SMALL, server, longest=600 + 5 * LENGTH * SECONDS, **more)
        tasks = provider.tasks()
    paid = Counter(task["prompt"] for task in tasks)
    assert set(paid.values()) == {1}, "a shot was paid for twice"
    assert len(paid) == SHOTS, "a shot was not bought"
    done = sorted(task["finished_at"] for task in tasks)
    lost = server.left_open() if server is not None and server.settle() else 0
    found = {
        "wall": ran.wall,
        "cpu_ms": 1000 * ran.cpu / SHOTS,
        "lost": lost,
        "samples": [sample.megabytes for sample in ran.samples[:: max(1, len(ran.samples) // 40)]],
        "early": around(ran, done[len(done) // 10]),
        "late": around(ran, done[len(done) * 95 // 100]),
        "most": max(sample.megabytes for sample in (ran.samples[-1], *ran.samples) if sample.at > done[-1] - 1),
    }
    print(
        f"    {way}: {found['wall']:.0f} s, {found['cpu_ms']:.0f} ms CPU a shot, {lost} task runs never ended",
        flush=True,
    )
    return found


def main() -> dict[str, Any]:
    rows, each = [], {}
    with stage() as on:
        for way in ("studio", "flow"):
            server = on.server(**BATCHES) if way == "flow" else None
            each[way] = one = measured(on, way, server)
            size = f"{SHOTS:,} shots, {IN_FLIGHT} in flight"
            rows.append(row(f"{way}: memory at 95 %, {size}", one["late"], "at 10 %", one["early"], unit="MB", aim=1.1))
            rows.append(row(f"{way}: most memory while joining", one["most"], "at 95 %", one["late"], unit="MB"))
    return {"rows": rows, "each": each}
