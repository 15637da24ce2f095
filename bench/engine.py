"""CPU per shot of the flow with its Prefect server, next to the plain Studio loop and the Prefect flow that one writes first.

Shots that continue nothing, clips of real size, a server as `longtake up` sets it. Each way makes a film of few shots and one of
many; a shot costs the difference divided by their number, so that starting a process is left out. The server's CPU counts until it
has come to the end of its queues, without its use while idle. `obvious` joins nothing and keeps no books.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from bench._rows import row
from bench._stage import BATCHES, CutError, stage
from bench.links import H264

if TYPE_CHECKING:
    from bench._stage import Provider, Server, Stage

FEW, MANY = 8, 40
PROCESSING = 4.0


def measured(on: Stage, way: str, shots: int, provider: Provider, server: Server) -> dict[str, float]:
    """What a film took of the client and of the server."""
    server.settle()
    before, began, runs = server.process.cpu(), time.monotonic(), server.count()
    board = on.board(f"{way}-{shots}", shots, 1, H264)
    ran = on.client(way, board, provider, H264, server, LONGTAKE_MAX_IN_FLIGHT=str(MANY))
    used = server.settle() - before - server.idle * (time.monotonic() - began)
    return {"client": ran.cpu, "server": max(used, 0.0), "task_runs": server.count() - runs, "open": server.left_open()}


def main() -> dict[str, Any]:
    each: dict[str, dict[str, float]] = {}
    with stage() as on, on.provider(PROCESSING, H264) as provider:
        server = on.server(**BATCHES)
        for way in ("studio", "flow", "obvious"):
            try:
                few, many = (measured(on, way, shots, provider, server) for shots in (FEW, MANY))
            except CutError as error:
                print(f"    cut: {error}", flush=True)
                continue
            each[way] = {key: (many[key] - few[key]) / (MANY - FEW) for key in few}
            print(
                f"    a shot, {way:10}" + "".join(f"  {key} {value:.3f}" for key, value in each[way].items()),
                flush=True,
            )
        server.process.end()
    total = {way: found["client"] + (found["server"] if way != "studio" else 0.0) for way, found in each.items()}
    rows = [row("CPU per shot: flow and server", total["flow"], "Studio loop", total["studio"], aim=1.7)]
    if "obvious" in total:
        rows.append(row("CPU per shot: flow and server", total["flow"], "obvious Prefect flow", total["obvious"]))
    return {"rows": rows, "each": each}
