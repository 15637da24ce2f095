"""Make what another run dispatched: some chains of a film, or a film of a set."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from longtake import request
from longtake import store as stores
from longtake import storyboard as boards
from longtake.catalog import Catalog
from longtake.studio.connections import connected
from longtake.studio.film_run import FilmRequest, film_of, scenes_of
from longtake.studio.steps import load_steps
from longtake.studio.summary import shot_result
from longtake.take import SetTag, unpack

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from pathlib import Path

    from longtake.observer import Observer
    from longtake.request import Resolved
    from longtake.settings import Settings
    from longtake.storyboard import Downstream
    from longtake.studio.film import Film, ShotResult
    from longtake.studio.steps import StepFunction
    from longtake.take import Session


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
    tag = SetTag().labeled(boards.checked_labels(labels))
    opened = _opened(
        settings,
        board,
        folder=folder,
        run=run,
        tag=tag,
        film_budget=film_budget,
        run_budget=run_budget,
        observer=observer,
    )
    own = load_steps(steps)
    async with opened as (session, resolved):
        asked = FilmRequest(resolved, downstream=downstream, steps=own)
        return [shot_result(one) for one in await scenes_of(session, asked, shots)]


async def make_set_film(
    settings: Settings,
    board: str,
    *,
    folder: Path,
    run: str,
    tag: SetTag,
    film_budget: int | None = None,
    run_budget: int | None = None,
    steps: Sequence[str | StepFunction] = (),
    observer: Observer | None = None,
) -> Film:
    """Make a film of a set and leave it in the store.

    Args:
        settings: credentials and places, the dispatching run's.
        board: key in the store of the storyboard with its files.
        folder: where files of the storyboard are put.
        run: the run that pays for it.
        tag: the set, its budget, and the film's labels.
        film_budget: credits the film may ever cost.
        run_budget: credits the paying run may cost.
        steps: the user's own steps, as functions or `module:function`.
        observer: notified of each step and each change.

    Raises:
        FilmIncompleteError: some shots are missing; says which and why, and carries the film.
        BudgetError: what is missing does not fit a budget; nothing was sent for it.
        SettingsError, StoreError: the store has no such storyboard; nothing was sent.
        PreflightError: this machine could not use what it would buy; nothing was sent.
    """
    own = load_steps(steps)
    opened = _opened(
        settings,
        board,
        folder=folder,
        run=run,
        tag=tag,
        film_budget=film_budget,
        run_budget=run_budget,
        observer=observer,
    )
    async with opened as (session, resolved):
        return await film_of(session, FilmRequest(resolved, steps=own))


@asynccontextmanager
async def _opened(
    settings: Settings,
    board: str,
    *,
    folder: Path,
    run: str,
    tag: SetTag,
    film_budget: int | None,
    run_budget: int | None,
    observer: Observer | None,
) -> AsyncIterator[tuple[Session, Resolved]]:
    catalog = await asyncio.to_thread(Catalog.load, settings.catalog)
    loaded = await asyncio.to_thread(unpack, stores.of(settings), board, folder)
    resolved = await asyncio.to_thread(request.resolve, loaded, catalog)
    async with connected(
        settings,
        film=boards.slug(loaded.board.title),
        budget=film_budget,
        run_budget=run_budget,
        tag=tag.labeled(loaded.board.labels, dict(tag.labels)),
        run=run,
        observer=observer,
    ) as session:
        yield session, resolved
