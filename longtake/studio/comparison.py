"""The storyboard against what is kept, as a run sees it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from longtake import library
from longtake import plan as plans
from longtake.ledger.realm import host_in
from longtake.plan import Comparison

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longtake.plan import Plan
    from longtake.request import Resolved
    from longtake.storyboard import Downstream
    from longtake.take import Session


async def compare(
    session: Session,
    resolved: Resolved,
    downstream: Downstream | None,
    retake: Sequence[str] = (),
    *,
    steps: Sequence[str] = (),
) -> tuple[Comparison, Plan]:
    """The storyboard against what is kept now, as if the retakes asked for were decided, and the plan for it.

    Raises:
        SettingsError: `retake` names a shot that cannot get a new take.
        StoryboardError: `use` names a take that is not there.
        StoreError: the store is away.
    """

    def work() -> tuple[Comparison, Plan]:
        take_library = library.read_holdings(session.store, session.film)
        take_library.edits = library.read_edits(session.store, session.film, steps)
        books = plans.read_books(
            session.store, host_in(session.ledger.account), session.film, own=session.ledger.log, run=session.run
        )
        comparison = Comparison(
            resolved,
            take_library,
            catalog=session.catalog,
            realm=session.assets.realm,
            attempts=books.attempts,
            frames=books.frames,
            downstream=downstream,
        )
        for revision in comparison.retake(retake, run=session.run):
            take_library.decide(revision)
        return comparison, plans.of(comparison, books, session.spending.budget)

    return await asyncio.to_thread(work)
