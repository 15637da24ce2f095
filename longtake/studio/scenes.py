"""Make some chains of a film that another run dispatched."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from longtake import request
from longtake import store as stores
from longtake import storyboard as boards
from longtake.catalog import Catalog
from longtake.studio.connections import connected
from longtake.studio.film_run import FilmRequest, scenes_of
from longtake.studio.steps import load_steps
from longtake.studio.summary import shot_result
from longtake.take import SetTag, unpack

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from longtake.observer import Observer
    from longtake.settings import Settings
    from longtake.storyboard import Downstream
    from longtake.studio.film import ShotResult
    from longtake.studio.steps import StepFunction


async def make_scenes(
    settings: Settings,
    board: str,
    shots: Sequence[str],
    *,
    folder: Path,
    run: str,
    downstream: Downstream | None = None,
    film_budget: int | None = None,
    run_budget: int | None = None,
    steps: Sequence[str | StepFunction] = (),
    labels: Mapping[str, str] | None = None,
    observer: Observer | None = None,
) -> list[ShotResult]:
    """Make whole chains of a film and leave them in the store.

    Args:
        settings: credentials and places, the dispatching run's.
        board: key in the store of the storyboard with its files.
        shots: ids of the shots to make.
        folder: where files of the storyboard are put.
        run: the run that pays for them.
        downstream: what becomes of the shots after a retake.
        film_budget: credits the film may ever cost, as it holds now.
        run_budget: credits the paying run may cost, as it was approved.
        steps: the user's own steps, as functions or `module:function`.
        labels: those of the run that pays.
        observer: notified of each step and each change.

    Raises:
        FilmIncompleteError: some shots are missing; says which and why.
        SettingsError, StoreError: the store has no such storyboard; nothing was sent.
        PreflightError: this machine could not use what it would buy; nothing was sent.
    """
    own = load_steps(steps)
    catalog = await asyncio.to_thread(Catalog.load, settings.catalog)
    loaded = await asyncio.to_thread(unpack, stores.of(settings), board, folder)
    resolved = await asyncio.to_thread(request.resolve, loaded, catalog)
    asked = FilmRequest(resolved, downstream=downstream, steps=own)
    async with connected(
        settings,
        film=boards.slug(loaded.board.title),
        budget=film_budget,
        run_budget=run_budget,
        tag=SetTag().labeled(loaded.board.labels, boards.checked_labels(labels)),
        run=run,
        observer=observer,
    ) as session:
        return [shot_result(one) for one in await scenes_of(session, asked, shots)]
