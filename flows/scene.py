"""The flow `scene`: some chains of a film, made on any worker that shares the bucket. The run that hands them out joins them."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

from prefect import flow

from longtake import plan as plans
from longtake import preflight, report, request
from longtake import store as stores
from longtake import storyboard as boards
from longtake.catalog import Catalog
from longtake.prefect import artifacts
from longtake.prefect.comparing import compare
from longtake.prefect.config import settings_of
from longtake.prefect.parameters import SceneRun
from longtake.prefect.scenes.alive import alive
from longtake.prefect.shooting import shoot
from longtake.prefect.signals import in_good_order
from longtake.take import open_session, unpack

__all__ = ["scene"]


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
                budget=scene.film_budget,
                run_budget=scene.run_budget,
                run=scene.run,
            ) as session,
            alive(),
        ):
            with in_good_order():
                comparison, plan = await compare(session, resolved, scene.follow)
                if preflight.needed(plan, scene.shots):
                    await asyncio.to_thread(
                        preflight.check, session.store, catalog=catalog, resolved=resolved, plan=plan, only=scene.shots
                    )
                progress = artifacts.Progress(film, len(scene.shots))
                made = await shoot(session, comparison.running(), progress, only=set(scene.shots))
                outcomes = [made[name].outcome for name in scene.shots]
                rest = plans.of(comparison, plans.Books()).shots
    missing = {one.shot.id for one in outcomes if one.take is None or one.error is not None}
    would_cost = sum(row.reserve for row in rest if row.id in missing)
    if (incomplete := report.incomplete(outcomes, would_cost=would_cost, unjoined=None)) is not None:
        raise incomplete
    return {"shots": [outcome.answer() for outcome in outcomes]}
