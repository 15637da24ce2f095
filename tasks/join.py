"""Join: the used takes become one film."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from prefect import task
from prefect.cache_policies import NO_CACHE

from longtake import film as films
from longtake.tasks.retrying import when_transient

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from longtake.film import Film
    from longtake.report import Outcome
    from longtake.request import Resolved
    from longtake.take import Session


@task(
    name="join",
    task_run_name="film {session.film} · join",
    cache_policy=NO_CACHE,
    persist_result=False,
    retries=2,
    retry_delay_seconds=[2, 10],
    retry_condition_fn=when_transient,
)
async def join(
    session: Session, resolved: Resolved, outcomes: Sequence[Outcome], on_progress: Callable[[float], None]
) -> Film:
    """Join the film, or find it joined; nothing is charged for it."""
    state = await asyncio.to_thread(session.book.read)
    return await asyncio.to_thread(
        films.join,
        resolved,
        outcomes,
        store=session.store,
        film=session.film,
        state=state,
        closed=session.book.log.history(until=state.head),
        run=session.run,
        on_progress=on_progress,
    )
