"""What generations under way cost while nothing happens to them: memory, CPU and polls, in one process.

1,000 of them in the flow, each waiting in a task of Prefect, and in the core's functions alone: as many as settings allow at
once. 10,000 are more than that; they are waits of the provider's client, without a ledger, whose claims read all that is open:
what buying costs then is in the rows before. The provider takes them all and finishes none. "to buy" is from the first POST to
the last, with the CPU until then.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from bench._stage import BATCHES, stage

if TYPE_CHECKING:
    from bench._stage import Emulator, Server, Stage

CASES = (("flow", 1000), ("plain", 1000), ("waits", 10_000))
WINDOW = 20.0
"""Seconds that are looked at."""
_PATIENCE = 600.0
_SOON = 15.0
"""Seconds until polls have slowed down."""


def measured(on: Stage, way: str, shots: int, server: Server | None) -> dict[str, Any]:
    emulator = on.emulator(3600)
    board = on.board(f"{way}{shots}", shots, 1)
    with on.running(way, board, emulator, server, in_flight=shots) as process:
        deadline = time.monotonic() + _PATIENCE
        while (there := emulator.books("posts")["charged"]) < shots:
            assert process.popen.poll() is None, process.log.read_text()[-4000:]
            assert time.monotonic() < deadline, f"{there} of {shots} are under way after {_PATIENCE:g} s"
            time.sleep(2.0)
        buying = process.cpu()
        time.sleep(_SOON)
        polls, cpu, theirs, began = (
            _polls(emulator),
            process.cpu(),
            server.process.cpu() if server else 0.0,
            time.monotonic(),
        )
        time.sleep(WINDOW)
        seconds = time.monotonic() - began
        cpu, theirs = process.cpu() - cpu, (server.process.cpu() - theirs if server else 0.0)
        polls, rss = _polls(emulator) - polls, process.rss()
        process.popen.kill()
    came = [task["received_at"] for task in emulator.tasks()]
    emulator.process.end()
    return {
        "way": way,
        "in_flight": shots,
        "to_buy_s": max(came) - min(came),
        "to_buy_cpu_s": buying,
        "rss_mb": rss,
        "cpu": cpu / seconds,
        "server_cpu": theirs / seconds,
        "polls_per_s": polls / seconds,
    }


def _polls(emulator: Emulator) -> int:
    return sum(task["polls"] for task in emulator.tasks())


def main() -> dict[str, Any]:
    rows = []
    with stage() as on:
        server = on.server(**BATCHES)
        print(
            f"  {'':8}{'in flight':>10}{'to buy s':>10}{'CPU s':>8}{'MB':>7}{'CPU %':>8}{'server %':>10}{'polls/s':>9}"
        )
        for way, shots in CASES:
            one = measured(on, way, shots, server if way == "flow" else None)
            rows.append(one)
            print(
                f"  {way:8}{shots:>10}{one['to_buy_s']:>10.1f}{one['to_buy_cpu_s']:>8.1f}{one['rss_mb']:>7.0f}"
                f"{100 * one['cpu']:>8.1f}{100 * one['server_cpu']:>10.1f}{one['polls_per_s']:>9.1f}",
                flush=True,
            )
    return {"window_s": WINDOW, "rows": rows}
