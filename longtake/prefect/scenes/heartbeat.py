"""Heartbeats of a flow run that makes scenes: by them the film's run notices a lost worker."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from prefect.events import emit_event
from prefect.runtime import flow_run

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ALIVE = "longtake.scene.alive"
"""The event of a working run; it is more frequent than Prefect's heartbeat, so a lost run is noticed sooner."""
BEAT = 20.0
"""Seconds between two heartbeats."""


@contextlib.asynccontextmanager
async def alive() -> AsyncIterator[None]:
    """Emit the event regularly while the body runs."""

    async def beat() -> None:
        while True:
            with contextlib.suppress(Exception):  # a failed event must not fail the film
                emit_event(ALIVE, resource={"prefect.resource.id": f"prefect.flow-run.{flow_run.get_id()}"})
            await asyncio.sleep(BEAT)

    task = asyncio.create_task(beat())
    try:
        yield
    finally:
        task.cancel()
