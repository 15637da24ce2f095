"""How long a chain stands still between two shots, and what a film takes, next to a bare script in the same run.

A link is the time from the moment at which the provider has finished a shot until the POST of the shot that continues it comes in,
by the provider's clock. Clips are of real size; settings are as they are by default. The bare script (`bench/_bare.py`) polls each
100 ms, fetches the last frame, posts the next shot, then fetches the clips and concatenates them with ffmpeg.
"""

from __future__ import annotations

import itertools
import statistics
from typing import TYPE_CHECKING, Any

from bench import _clips
from bench._rows import percentile, row
from bench._stage import BATCHES, stage

if TYPE_CHECKING:
    from bench._stage import Server, Stage

H264 = _clips.Clips(1, "854x480", 4, rate="3200k", sources=1)
KINDS = {
    "480p": H264,
    "720p": _clips.Clips(1, "1280x720", 5, rate="5M", sources=1),
    "HEVC 1080p": _clips.Clips(1, "1920x1080", 4, rate="5M", coder=_clips.HEVC, sources=1),
}
SIZES = (("480p", 1, 6, 3.0), ("720p", 1, 4, 2.0), ("HEVC 1080p", 1, 4, 2.0), ("480p", 12, 6, 3.0))
"""Clips, chains, shots in each, seconds of a generation."""
FILM = ("480p", 12, 10, 3.0)


def measured(on: Stage, way: str, size: tuple[str, int, int, float], server: Server | None = None) -> dict[str, Any]:
    """The links of a film, and what it took next to the generations of a chain."""
    kind, chains, length, processing = size
    with on.provider(processing, KINDS[kind]) as provider:
        board = on.board(f"{way} {kind} {chains}x{length}".replace(" ", "-"), chains, length, KINDS[kind])
        ran = on.client(way, board, provider, KINDS[kind], server)
        tasks = {task["prompt"]: task for task in provider.tasks()}
    assert len(tasks) == chains * length
    links = []
    for chain in range(chains):
        own = [tasks[f"{board.stem} chain {chain} shot {shot}"] for shot in range(length)]
        links += [after["received_at"] - before["finished_at"] for before, after in itertools.pairwise(own)]
    first, last = (
        pick(task[at] for task in tasks.values()) for pick, at in ((min, "received_at"), (max, "finished_at"))
    )
    found = {
        "p50": statistics.median(links),
        "p95": percentile(links, 0.95),
        "shooting": last - first,
        "film": ran.wall,
        "polls": sum(task["polls"] for task in tasks.values()) / len(tasks),
        "cpu": ran.cpu / len(tasks),
    }
    print(f"    {board.stem:32}" + "".join(f"  {key} {value:.2f}" for key, value in found.items()), flush=True)
    return found


def main() -> dict[str, Any]:
    rows = []
    with stage() as on:
        for size, aim in zip(SIZES, (3.0, None, None, 4.0), strict=True):
            bare, ours = measured(on, "bare", size), measured(on, "studio", size)
            name = f"link, {size[1]} × {size[2]} shots, {size[0]}"
            rows.append(row(f"{name}, median", ours["p50"], "bare script", bare["p50"], aim=aim))
            rows.append(row(f"{name}, p95", ours["p95"], "bare script", bare["p95"]))
        name = f"{FILM[1]} × {FILM[2]} shots, {FILM[0]}"
        bare, ours = measured(on, "bare", FILM), measured(on, "studio", FILM)
        server = on.server(**BATCHES)
        flow = measured(on, "flow", FILM, server)
        own = FILM[2] * FILM[3]
        for way, found in (("bare script", bare), ("Studio", ours), ("flow", flow)):
            rows.append(row(f"shooting {name}: {way}", found["shooting"], "longest chain", own, aim=1.15))
            rows.append(row(f"whole film {name}: {way}", found["film"], "longest chain", own, aim=1.35))
    return {"rows": rows}
