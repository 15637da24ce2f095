"""Signs of life of a flow run that makes scenes, so that the film's run notices when its worker is gone."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from prefect.events import emit_event
from prefect.runtime import flow_run

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["ALIVE", "BEAT", "alive"]

ALIVE = "longtake.scene.alive"
"""The event of a run that is at work: it says so more often than Prefect's heartbeat, so that it is missed sooner."""
BEAT = 20.0
"""Seconds between two signs of life."""


@contextlib.asynccontextmanager
async def alive() -> AsyncIterator[None]:
    """While the body runs, say now and then that this process lives."""

    async def beat() -> None:
        while True:
            with contextlib.suppress(Exception):  # showing must not cost a film
                emit_event(ALIVE, resource={"prefect.resource.id": f"prefect.flow-run.{flow_run.get_id()}"})
            await asyncio.sleep(BEAT)

    task = asyncio.create_task(beat())
    try:
        yield
    finally:
        task.cancel()
