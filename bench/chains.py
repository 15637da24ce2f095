"""How long a chain stands still between two shots, and what a film takes beside its longest chain's own generation.

A link is the time from the moment at which the provider has finished a shot until the POST of the shot that continues it comes
in: both are the emulator's own clock. "learnt" are the links but the first of each chain: a run that has seen a shot of a kind
end knows when to ask for the next. Clips are of few pixels and nothing is limited. The parts of a link are medians: until the
poll that sees the end (seen), fetching, checking and writing down (ingest), what Prefect and the next shot's look at its frame
take (upload), and from the claim until the POST is there (submit).
"""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any

from bench._stage import BATCHES, spread, stage

if TYPE_CHECKING:
    from bench._stage import Emulator, Ran, Server, Stage

SIZES = ((1, 8, 3.0), (10, 6, 3.0), (100, 4, 10.0))
"""Chains, shots in each, seconds of a generation: 100 chains of 3 s would ask more of two cores than they have."""
FILM = (12, 10, 3.0)
PARTS = ("seen", "ingest", "upload", "submit")


def links(board: str, ran: Ran, emulator: Emulator, chains: int, length: int) -> dict[str, Any]:
    """What became of the time between shots."""
    tasks = {task["prompt"]: task for task in emulator.tasks()}
    marks = {(shot, step): (began, ended) for shot, step, began, ended in ran.answer["marks"]}
    found: list[dict[str, float]] = []
    for chain in range(chains):
        for shot in range(1, length):
            finished = tasks[f"{board} chain {chain} shot {shot - 1}"]["finished_at"]
            there = tasks[f"{board} chain {chain} shot {shot}"]["received_at"]
            one = {"link": there - finished, "shot": float(shot)}
            if marks:
                seen = marks[f"c{chain}-{shot - 1}", "poll"][1]
                kept = marks[f"c{chain}-{shot - 1}", "ingest"][1]
                begun = marks[f"c{chain}-{shot}", "submit"][0]
                one |= {"seen": seen - finished, "ingest": kept - seen, "upload": begun - kept, "submit": there - begun}
            found.append(one)
    own = [
        sum(
            t["finished_at"] - t["created_at"]
            for t in tasks.values()
            if t["prompt"].startswith(f"{board} chain {chain} ")
        )
        for chain in range(chains)
    ]
    mine = [task for task in tasks.values() if task["prompt"].startswith(f"{board} ")]
    return {
        "link_s": spread([one["link"] for one in found]),
        "learnt_s": spread([one["link"] for one in found if one["shot"] > 1]),
        "parts_s": {part: statistics.median(one[part] for one in found) for part in PARTS if part in found[0]},
        "polls": statistics.mean(task["polls"] for task in mine),
        "longest_chain_s": max(own),
        "first_post": min(task["received_at"] for task in mine),
        "last_end": max(task["finished_at"] for task in mine),
    }


def measured(on: Stage, way: str, server: Server, size: tuple[int, int, float]) -> dict[str, Any]:
    chains, length, processing = size
    emulator = on.emulator(processing)
    board = on.board(f"{way}{chains}x{length}", chains, length)
    ran = on.client(way, board, emulator, server)
    found = links(board.stem, ran, emulator, chains, length)
    emulator.process.end()
    own, began = found["longest_chain_s"], ran.answer["began"]
    shooting = found["last_end"] - found["first_post"]
    return {
        "way": way,
        "chains": chains,
        "shots": length,
        "generation_s": processing,
        **found,
        "wall_s": ran.wall,
        "cpu_s": ran.cpu,
        "wall_over_own": ran.wall / own,
        "shooting_over_own": shooting / own,
        "before_s": found["first_post"] - began,
        "after_s": ran.answer["ended"] - found["last_end"],
    }


def main() -> dict[str, Any]:
    rows, films = [], []
    with stage() as on:
        server = on.server(**BATCHES)
        print(f"  {'':10}{'chains':>7}{'gen s':>6}{'p50 s':>8}{'p95':>7}{'learnt':>8}{'p95':>7}{'polls':>7}", end="")
        print("".join(f"{part + ' ms':>11}" for part in PARTS))
        for size in SIZES:
            for way in ("plain", "flow", "obvious"):
                one = measured(on, way, server, size)
                rows.append(one)
                link, learnt = one["link_s"], one["learnt_s"]
                print(
                    f"  {way:10}{size[0]:>7}{size[2]:>6.0f}{link['p50']:>8.2f}{link['p95']:>7.2f}"
                    f"{learnt['p50']:>8.2f}{learnt['p95']:>7.2f}{one['polls']:>7.1f}"
                    + "".join(f"{1000 * value:>11.0f}" for value in one["parts_s"].values()),
                    flush=True,
                )
                server.settle()
        chains, length, processing = FILM
        print(
            f"\n  a film of {chains} chains of {length} shots of {processing:g} s: seconds, and times the longest chain's own"
        )
        print(f"  {'':10}{'own':>8}{'before':>8}{'shoots':>8}{'after':>8}{'wall':>8}{'shooting':>10}{'whole':>8}")
        for way in ("plain", "flow"):
            one = measured(on, way, server, FILM)
            films.append(one)
            shooting = one["last_end"] - one["first_post"]
            print(
                f"  {way:10}{one['longest_chain_s']:>8.1f}{one['before_s']:>8.1f}{shooting:>8.1f}{one['after_s']:>8.1f}"
                f"{one['wall_s']:>8.1f}{one['shooting_over_own']:>9.2f}x{one['wall_over_own']:>7.2f}x",
                flush=True,
            )
            server.settle()
    return {"links": rows, "film": films}
