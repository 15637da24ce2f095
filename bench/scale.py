"""A film of 2,000 shots on one machine: whether the server keeps up, whether memory stays flat, and what the engine costs.

Chains of ten, 100 takes under way, a second each, clips of few pixels; the flow beside the same functions of the core in a plain
loop. Memory is sampled; "flat" compares the middle of the run with its end. A task run without a final state once the server has
come to the end of its queues is lost: nobody will ever know how it ended.
"""

from __future__ import annotations

import statistics
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from bench._stage import BATCHES, FINAL, stage

if TYPE_CHECKING:
    from bench._stage import Emulator, Server, Stage

CHAINS, LENGTH = 200, 10
IN_FLIGHT = 100
PROCESSING = 1.0


def _around(samples: list[dict[str, float]], who: str, share: float) -> float:
    """Megabytes around a share of the run."""
    values = [one[who] for one in samples if one.get(who)]
    place = int(share * (len(values) - 1))
    return statistics.median(values[max(0, place - 2) : place + 3]) if values else 0.0


def measured(on: Stage, way: str, emulator: Emulator, server: Server | None) -> dict[str, Any]:
    board = on.board(f"scale-{way}", CHAINS, LENGTH)
    before = server.process.cpu() if server else 0.0
    other, began = emulator.process.cpu(), time.monotonic()
    ran = on.client(way, board, emulator, server, in_flight=IN_FLIGHT)
    ended = time.monotonic()
    found: dict[str, Any] = {"way": way, "wall_s": ran.wall, "client_cpu_s": ran.cpu, "client_most_mb": ran.rss}
    found["emulator_cpu_s"] = emulator.process.cpu() - other
    for who in ("client_mb", "server_mb") if server else ("client_mb",):
        found[who] = {str(share): _around(ran.samples, who, share) for share in (0.1, 0.5, 0.95)}
    if server:
        at_once = server.left_open()
        used = server.settle() - before
        found["settled_s"] = time.monotonic() - ended
        found["server_cpu_s"] = used - server.idle * (time.monotonic() - began)
        found["open_at_the_end"], found["lost"] = at_once, server.left_open()
        found["task_runs"] = {state: server.count(state) for state in FINAL} | {"all": server.count()}
        found["flow_runs_open"] = server.left_open("flow_runs")
    found["samples"] = ran.samples
    # A task that failed was refunded and is asked for again; what counts is that no shot was paid for twice.
    tasks, paid = emulator.tasks(), emulator.books("posts")
    kept = Counter(task["prompt"] for task in tasks if not task["refunded"])
    assert set(kept.values()) == {1}, "a shot was paid for twice"
    assert len(kept) == CHAINS * LENGTH, "a shot was not bought"
    found["posts"] = paid | {"refunded": sum(bool(task["refunded"]) for task in tasks)}
    found["failures"] = sorted({str(task.get("error")) for task in tasks if task["refunded"]})
    return found


def main() -> dict[str, Any]:
    shots, rows = CHAINS * LENGTH, []
    with stage() as on:
        print(
            f"  {'':7}{'wall s':>8}{'client s':>10}{'server s':>10}{'emul. s':>9}{'ms a shot':>11}"
            f"{'client MB':>16}{'server MB':>16}{'task runs':>11}{'open':>6}{'lost':>6}"
        )
        for way in ("plain", "flow"):
            emulator = on.emulator(PROCESSING)
            server = on.server(**BATCHES) if way == "flow" else None
            one = measured(on, way, emulator, server)
            emulator.process.end()
            rows.append(one)
            theirs = one.get("server_cpu_s", 0.0)
            each = 1000 * (one["client_cpu_s"] + theirs) / shots
            client, prefect = (
                "→".join(f"{value:.0f}" for value in one[who].values()) if who in one else "–"
                for who in ("client_mb", "server_mb")
            )
            runs = one["task_runs"]["all"] if server else "–"
            print(
                f"  {way:7}{one['wall_s']:>8.1f}{one['client_cpu_s']:>10.1f}{theirs:>10.1f}{one['emulator_cpu_s']:>9.1f}"
                f"{each:>11.1f}{client:>16}{prefect:>16}{runs:>11}"
                f"{one.get('open_at_the_end', '–'):>6}{one.get('lost', '–'):>6}  {one['posts']}",
                flush=True,
            )
    return {"shots": shots, "in_flight": IN_FLIGHT, "generation_s": PROCESSING, "rows": rows}
