"""Whether memory stays flat over a long film: the client of `Studio.make` and of the flow, at 10 % and at 95 % of the run.

Hundreds of shots in chains of ten, a tenth of them in flight, a second each. Clips are tiny, because what is measured is what a run
holds of each shot; a film of real clips is in the other measurements. `BENCH_SHOTS` and `BENCH_IN_FLIGHT` ask for another size.
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
    from bench._stage import Server, Stage

LENGTH = 10
SHOTS, IN_FLIGHT = int(os.environ.get("BENCH_SHOTS", "400")), os.environ.get("BENCH_IN_FLIGHT", "40")


def around(samples: list[float], share: float) -> float:
    """Megabytes around a share of the run."""
    place = int(share * (len(samples) - 1))
    return statistics.median(samples[max(0, place - 2) : place + 3])


def measured(on: Stage, way: str, server: Server | None) -> dict[str, Any]:
    with on.provider(1.0, _clips.SMALL) as provider:
        board = on.board(f"memory-{way}", SHOTS // LENGTH, LENGTH, _clips.SMALL)
        ran = on.client(way, board, provider, _clips.SMALL, server, LONGTAKE_MAX_IN_FLIGHT=IN_FLIGHT)
        paid = Counter(task["prompt"] for task in provider.tasks())
    assert set(paid.values()) == {1}, "a shot was paid for twice"
    assert len(paid) == SHOTS, "a shot was not bought"
    lost = server.left_open() if server is not None and server.settle() else 0
    found = {
        "wall": ran.wall,
        "cpu_ms": 1000 * ran.cpu / SHOTS,
        "lost": lost,
        "samples": ran.samples[:: max(1, len(ran.samples) // 40)],
    }
    print(
        f"    {way}: {found['wall']:.0f} s, {found['cpu_ms']:.0f} ms CPU a shot, {lost} task runs never ended",
        flush=True,
    )
    return found | {"early": around(ran.samples, 0.1), "late": around(ran.samples, 0.95)}


def main() -> dict[str, Any]:
    rows, each = [], {}
    with stage() as on:
        for way in ("studio", "flow"):
            server = on.server(**BATCHES) if way == "flow" else None
            each[way] = one = measured(on, way, server)
            name = f"{way}: memory at 95 %, {SHOTS:,} shots, {IN_FLIGHT} in flight"
            rows.append(row(name, one["late"], "at 10 %", one["early"], unit="MB", aim=1.1))
    return {"rows": rows, "each": each}
