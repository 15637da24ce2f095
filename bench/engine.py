"""What the engine costs per shot: the flow, the same functions of the core in a plain loop, and the Prefect flow one writes first.

Shots that continue nothing, all under way at once, clips of few pixels. Each way makes a film of few shots and one of many, and a
shot costs the difference divided by their number, so that starting a process is left out; joining is in it, but for `obvious`,
which joins nothing and keeps no books. The server's CPU counts until it has come to the end of its queues, without what it
uses when nobody asks. The ways take turns, on a server with default settings and on one that writes in batches.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from bench._stage import BATCHES, stage

if TYPE_CHECKING:
    from pathlib import Path

    from bench._stage import Emulator, Server, Stage

FEW, MANY = 10, 60
PROCESSING = 4.0
WAYS = ("flow", "plain", "obvious")
FIGURES = ("wall_s", "client_cpu_s", "server_cpu_s", "emulator_cpu_s", "task_runs", "polls")


def measured(on: Stage, board: Path, emulator: Emulator, server: Server) -> dict[str, float]:
    """What a film of a board took; its name begins with the way."""
    before, began, runs, other = server.process.cpu(), time.monotonic(), server.count(), emulator.process.cpu()
    ran = on.client(board.stem.partition("-")[0], board, emulator, server)
    other = emulator.process.cpu() - other
    used = server.settle() - before - server.idle * (time.monotonic() - began)
    tasks = [task for task in emulator.tasks() if task["prompt"].startswith(f"{board.stem} ")]
    return {
        "wall_s": ran.wall,
        "client_cpu_s": ran.cpu,
        "server_cpu_s": used,
        "emulator_cpu_s": other,
        "task_runs": float(server.count() - runs),
        "polls": float(sum(task["polls"] for task in tasks)),
        "open": float(server.left_open()),
    }


def main() -> dict[str, Any]:
    found: dict[str, Any] = {"shots": [FEW, MANY], "generation_s": PROCESSING}
    heads = ("wall ms", "client ms", "server ms", "emul. ms", "task runs", "polls")
    with stage() as on:
        emulator = on.emulator(PROCESSING)
        print(f"  {'a shot':18}{''.join(f'{head:>11}' for head in heads)}")
        for name, settings in (("default", {}), ("batches", BATCHES)):
            server = on.server(**settings)
            found[name] = {}
            few, many = (
                {way: measured(on, on.board(f"{way}-{name}-{shots}", shots, 1), emulator, server) for way in WAYS}
                for shots in (FEW, MANY)
            )
            server.process.end()
            for way in WAYS:
                one = {key: (many[way][key] - few[way][key]) / (MANY - FEW) for key in FIGURES}
                found[name][way] = {**one, "few": few[way], "many": many[way]}
                shown = (one[key] * (1000 if key.endswith("_s") else 1) for key in FIGURES)
                lost = f"  {many[way]['open']:.0f} task runs left open" if many[way]["open"] else ""
                print(f"  {name:9}{way:9}{''.join(f'{figure:>11.1f}' for figure in shown)}{lost}", flush=True)
    return found
