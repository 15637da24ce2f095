"""What the engine costs per shot: the flow, the same functions of the core in a plain loop, and the Prefect flow one writes first.

Shots that continue nothing, all under way at once, clips of few pixels. Each way makes a film of few shots and one of many, and a
shot costs the difference divided by their number, so that starting a process is left out; joining is in it, but for `obvious`,
which joins nothing and keeps no books. The server's CPU counts until it has come to the end of its queues, without what it
uses when nobody asks. The ways take turns, on a server with default settings and on one that writes in batches.

`obvious` polls in task runs, which a slow machine does not finish before the next are due: its film is smaller, and a film that
is not there after `LONGEST` seconds is cut. What was cut is said in the table and under `cut` in the result.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from bench._stage import BATCHES, CutError, stage

if TYPE_CHECKING:
    from pathlib import Path

    from bench._stage import Emulator, Server, Stage

SHOTS = {"flow": (10, 60), "plain": (10, 60), "obvious": (10, 30)}
"""Few and many, by way."""
PROCESSING = 4.0
LONGEST = 180.0
"""Seconds a film may take; on two idle cores the slowest takes a fifth of it."""
FIGURES = ("wall_s", "client_cpu_s", "server_cpu_s", "emulator_cpu_s", "task_runs", "polls")
HEADS = ("wall ms", "client ms", "server ms", "emul. ms", "task runs", "polls")


def measured(on: Stage, board: Path, emulator: Emulator, server: Server) -> dict[str, float]:
    """What a film of a board took; its name begins with the way.

    Raises:
        CutError: it was not there after `LONGEST` seconds.
    """
    before, began, runs, other = server.process.cpu(), time.monotonic(), server.count(), emulator.process.cpu()
    ran = on.client(board.stem.partition("-")[0], board, emulator, server, longest=LONGEST)
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


def compared(on: Stage, name: str, emulator: Emulator, server: Server) -> tuple[dict[str, Any], list[str]]:
    """What a shot costs each way on a server, and what was cut."""
    films: dict[str, list[dict[str, float]]] = {way: [] for way in SHOTS}
    cut: list[str] = []
    for size in (0, 1):
        for way, shots in SHOTS.items():
            if len(films[way]) < size:
                continue  # the smaller film was cut
            board = on.board(f"{way}-{name}-{shots[size]}", shots[size], 1)
            try:
                films[way].append(measured(on, board, emulator, server))
            except CutError as error:
                cut.append(str(error))
                server.settle()
    found: dict[str, Any] = {}
    for way, (few_shots, many_shots) in SHOTS.items():
        if len(films[way]) < 2:
            print(f"  {name:9}{way:9}  cut: a film did not end in {LONGEST:.0f} s", flush=True)
            continue
        few, many = films[way]
        one = {key: (many[key] - few[key]) / (many_shots - few_shots) for key in FIGURES}
        found[way] = {**one, "few": few, "many": many}
        shown = (one[key] * (1000 if key.endswith("_s") else 1) for key in FIGURES)
        lost = f"  {many['open']:.0f} task runs left open" if many["open"] else ""
        print(f"  {name:9}{way:9}{''.join(f'{figure:>11.1f}' for figure in shown)}{lost}", flush=True)
    return found, cut


def main() -> dict[str, Any]:
    found: dict[str, Any] = {"shots": SHOTS, "generation_s": PROCESSING, "longest_s": LONGEST, "cut": []}
    with stage() as on:
        emulator = on.emulator(PROCESSING)
        sizes = ", ".join(f"{way} {few} and {many}" for way, (few, many) in SHOTS.items())
        print(f"  films of so many shots: {sizes}; each is cut after {LONGEST:.0f} s")
        print(f"  {'a shot':18}{''.join(f'{head:>11}' for head in HEADS)}")
        for name, settings in (("default", {}), ("batches", BATCHES)):
            server = on.server(**settings)
            found[name], cut = compared(on, name, emulator, server)
            found["cut"] += cut
            server.process.end()
    for one in found["cut"]:
        print(f"  cut: {one}")
    return found
