"""The flow `scene`: some chains of a film, made on any worker that shares the bucket. The run that hands them out joins them."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect import flow
from prefect.events import emit_event
from prefect.runtime import flow_run
from pydantic import BaseModel, ConfigDict, Field

from flows import showing
from flows.comparing import compare
from flows.shooting import shoot
from flows.stopping import in_good_order
from flows.surroundings import settings_of
from longtake import plan as plans
from longtake import preflight, report, request
from longtake import store as stores
from longtake import storyboard as boards
from longtake.catalog import Catalog
from longtake.storyboard import Follow
from longtake.take import open_session, unpack

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["ALIVE", "SceneRun", "scene"]

ALIVE = "longtake.scene.alive"
"""The event of a run that is at work: it says so more often than Prefect's heartbeat, so that it is missed sooner."""
BEAT = 20.0
"""Seconds between two signs of life."""


class SceneRun(BaseModel):
    """What a run of a film hands out. It is filled in by the flow `storyboard`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    board: str = Field(title="Storyboard", description="Key in the store of the storyboard with its files.")
    shots: tuple[str, ...] = Field(title="Shots", description="Ids of the shots to make, whole chains of them.")
    run: str = Field(title="Run", description="The run that pays for them: its cap counts what this one spends.")
    credentials: str | None = Field(default=None, title="Credentials block", description="As in the flow `storyboard`.")
    store: str | None = Field(default=None, title="Store block", description="As in the flow `storyboard`.")
    follow: Follow | None = Field(
        default=None, title="After a shot that is made anew", description="As in `storyboard`."
    )
    film_cap: int | None = Field(default=None, title="Budget of the film (credits)", description="As it holds now.")
    run_cap: int | None = Field(default=None, title="Budget of the run (credits)", description="As it was approved.")


@flow(name="scene", persist_result=False)
async def scene(scene: SceneRun) -> dict[str, Any]:
    """Make some chains of a film, and leave them in the store.

    Args:
        scene: what the run of the film hands out.

    Returns:
        `shots`, as `longtake run --json` prints them.

    Raises:
        FilmIncompleteError: some shots are missing; says which and why.
        SettingsError, StoreError: the store has no such storyboard; nothing was sent.
        PreflightError: this worker could not use what it would buy; nothing was sent.
    """
    settings = await settings_of(scene.credentials, scene.store)
    catalog = Catalog.load(settings.catalog)
    with tempfile.TemporaryDirectory(prefix="longtake-") as folder:
        loaded = await asyncio.to_thread(unpack, stores.of(settings), scene.board, Path(folder))
        resolved = await asyncio.to_thread(request.resolve, loaded, catalog)
        film = boards.slug(loaded.board.title)
        async with (
            open_session(
                settings,
                catalog=catalog,
                film=film,
                budget=scene.film_cap,
                run_budget=scene.run_cap,
                run=scene.run,
            ) as session,
            _alive(),
        ):
            with in_good_order():
                comparison, plan = await compare(session, resolved, scene.follow)
                if preflight.needed(plan, scene.shots):
                    await asyncio.to_thread(
                        preflight.check, session.store, catalog=catalog, resolved=resolved, plan=plan, only=scene.shots
                    )
                progress = showing.Progress(film, len(scene.shots))
                made = await shoot(session, comparison.running(), progress, only=set(scene.shots))
                outcomes = [made[name].outcome for name in scene.shots]
                rest = plans.of(comparison, plans.Books(attempts=[], spent=0)).shots
    missing = {one.shot.id for one in outcomes if one.take is None or one.error is not None}
    would_cost = sum(row.reserve for row in rest if row.id in missing)
    if (incomplete := report.incomplete(outcomes, would_cost=would_cost, unjoined=None)) is not None:
        raise incomplete
    return {"shots": [outcome.answer() for outcome in outcomes]}


@contextlib.asynccontextmanager
async def _alive() -> AsyncIterator[None]:
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
