"""CPU per shot of the flow with its Prefect server, next to the plain Studio loop and the Prefect flow that one writes first.

Shots that continue nothing, with tiny clips and with clips of real size; a server as `longtake up` sets it, logs to it and not to a
terminal, as from `longtake run`. Each way makes a film of few shots and one of more; a shot costs the difference divided by their
number, so that starting a process is left out. The server's CPU counts until it has come to the end of its queues, without its use
while idle. `obvious` joins nothing and keeps no books.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from bench import _clips
from bench._rows import row
from bench._stage import BATCHES, CutError, stage
from bench.links import H264

if TYPE_CHECKING:
    from bench._stage import Provider, Server, Stage

KINDS = {"480p": (H264, 4, 20), "tiny clips": (_clips.SMALL, 20, 120)}
"""Clips, few shots, more shots."""
PROCESSING = 2.0


def measured(
    on: Stage, provider: Provider, server: Server, *, way: str, shots: int, clips: _clips.Clips
) -> dict[str, float]:
    """What a film took of the client and of the server."""
    server.settle()
    before, began, runs = server.process.cpu(), time.monotonic(), server.count()
    board = on.board(f"{way}-{clips.size}-{shots}", shots, 1, clips)
    more = {"LONGTAKE_MAX_IN_FLIGHT": str(shots), "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL"}
    ran = on.client(way, board, provider, clips, server, **more)
    used = server.settle() - before - server.idle * (time.monotonic() - began)
    return {"client": ran.cpu, "server": max(used, 0.0), "task_runs": server.count() - runs, "open": server.left_open()}


def main() -> dict[str, Any]:
    rows: list[dict[str, Any]] = []
    each: dict[str, dict[str, dict[str, float]]] = {}
    with stage() as on:
        server = on.server(**BATCHES)
        for kind, (clips, few, more) in KINDS.items():
            own = each[kind] = {}
            with on.provider(PROCESSING, clips) as provider:
                for way in ("studio", "flow", "obvious"):
                    try:
                        less, whole = (
                            measured(on, provider, server, way=way, shots=shots, clips=clips) for shots in (few, more)
                        )
                    except CutError as error:
                        print(f"    cut: {error}", flush=True)
                        continue
                    own[way] = {key: (whole[key] - less[key]) / (more - few) for key in less}
                    print(
                        f"    a shot, {way:10}" + "".join(f"  {key} {value:.3f}" for key, value in own[way].items()),
                        flush=True,
                    )
            total = {way: found["client"] + (found["server"] if way != "studio" else 0.0) for way, found in own.items()}
            for rival, over, aim in (("studio", "Studio loop", 1.7), ("obvious", "obvious Prefect flow", None)):
                if "flow" in total and rival in total:
                    rows.append(
                        row(f"CPU per shot, {kind}: flow and server", total["flow"], over, total[rival], aim=aim)
                    )
        server.process.end()
    return {"rows": rows, "each": each}
