"""Make what another run dispatched: some chains of a film, or a film of a set."""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
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
    from collections.abc import AsyncIterator, Sequence

    from longtake.observer import Observer
    from longtake.request import Resolved
    from longtake.settings import Settings
    from longtake.storyboard import Downstream
    from longtake.studio.film import Film, ShotResult
    from longtake.studio.steps import StepFunction
    from longtake.take import Session


@dataclass(frozen=True)
class Dispatched:
    """A storyboard that another run left in the store, and what may be spent on it.

    Attributes:
        board: key in the store of the storyboard with its files.
        run: the run that pays.
        tag: the film set, and labels that go before the storyboard's.
        film_budget: credits the film may ever cost, as it holds now.
        run_budget: credits the paying run may cost, as it was approved.
    """

    board: str
    run: str
    tag: SetTag
    film_budget: int | None = None
    run_budget: int | None = None


async def make_scenes(
    settings: Settings,
    dispatched: Dispatched,
    shots: Sequence[str],
    *,
    downstream: Downstream | None = None,
    steps: Sequence[str | StepFunction] = (),
    observer: Observer | None = None,
) -> list[ShotResult]:
    """Make whole chains of a film and leave them in the store.

    Args:
        settings: credentials and places, the dispatching run's.
        dispatched: the storyboard, and what may be spent on it.
        shots: ids of the shots to make.
        downstream: what becomes of the shots after a retake.
        steps: the user's own steps, as functions or `module:function`.
        observer: notified of each step and each change.

    Raises:
        FilmIncompleteError: some shots are missing; says which and why.
        SettingsError, StoreError: the store has no such storyboard; nothing was sent.
        PreflightError: this machine could not use what it would buy; nothing was sent.
    """
    own = load_steps(steps)
    async with _opened(settings, dispatched, observer) as (session, resolved):
        asked = FilmRequest(resolved, downstream=downstream, steps=own)
        return [shot_result(one) for one in await scenes_of(session, asked, shots)]


async def make_set_film(
    settings: Settings,
    dispatched: Dispatched,
    *,
    steps: Sequence[str | StepFunction] = (),
    observer: Observer | None = None,
) -> Film:
    """Make a film of a set and leave it in the store; the arguments are those of `make_scenes`.

    Raises:
        FilmIncompleteError: some shots are missing; says which and why, and carries the film.
        BudgetError: what is missing does not fit a budget; nothing was sent for it.
        SettingsError, StoreError: the store has no such storyboard; nothing was sent.
        PreflightError: this machine could not use what it would buy; nothing was sent.
    """
    own = load_steps(steps)
    async with _opened(settings, dispatched, observer) as (session, resolved):
        return await film_of(session, FilmRequest(resolved, steps=own))


@asynccontextmanager
async def _opened(
    settings: Settings, dispatched: Dispatched, observer: Observer | None
) -> AsyncIterator[tuple[Session, Resolved]]:
    with tempfile.TemporaryDirectory(prefix="longtake-") as folder:
        catalog = await asyncio.to_thread(Catalog.load, settings.catalog)
        loaded = await asyncio.to_thread(unpack, stores.of(settings), dispatched.board, Path(folder))
        resolved = await asyncio.to_thread(request.resolve, loaded, catalog)
        async with connected(
            settings,
            film=boards.slug(loaded.board.title),
            budget=dispatched.film_budget,
            run_budget=dispatched.run_budget,
            tag=dispatched.tag.labeled(loaded.board.labels, dict(dispatched.tag.labels)),
            run=dispatched.run,
            observer=observer,
        ) as session:
            yield session, resolved
