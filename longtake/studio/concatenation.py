"""The last step of a film's run: its takes in one file, marked, with the deliverables of its storyboard."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from longtake import film as films
from longtake.errors import FilmIncompleteError, LongtakeError
from longtake.observer import Step

if TYPE_CHECKING:
    from longtake.film import JoinedFilm
    from longtake.report import ShotOutcome
    from longtake.request import Resolved
    from longtake.take import Session


async def concatenated(
    session: Session, resolved: Resolved, outcomes: list[ShotOutcome]
) -> tuple[JoinedFilm | None, LongtakeError | None]:
    """The film, if no shot is missing, and the error of what could not be made: it is raised after the account."""
    if not all(outcome.take for outcome in outcomes):
        return None, None

    loop = asyncio.get_running_loop()

    def progress(share: float) -> None:
        loop.call_soon_threadsafe(lambda: session.events.event("film.joining", share=share))

    joined: JoinedFilm | None = None

    async def work() -> JoinedFilm:
        nonlocal joined
        state = await asyncio.to_thread(session.ledger.read)
        film = await asyncio.to_thread(
            films.join,
            resolved,
            outcomes,
            store=session.store,
            film=session.film,
            state=state,
            closed=session.ledger.log.history(until=state.head),
            run=session.run,
            labels=dict(session.spending.tag.labels),
            on_progress=progress,
        )
        board = resolved.loaded.board
        settings = films.marked_as(session.settings, board.marking)
        joined = await asyncio.to_thread(films.keep_marked, film, session.store, settings)
        return await asyncio.to_thread(films.keep_delivered, joined, films.wanted_of(board), session.store, settings)

    try:
        return await session.events.observer.around(Step("concatenate", f"film {session.film}"), work), None
    except LongtakeError as error:
        if joined is None:
            return None, error
        said = f"the film is there, but not everything that is made of it: {error.message}"
        return joined, FilmIncompleteError(said, next_step=error.next_step, missing=(), would_cost=0)
