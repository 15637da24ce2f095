"""Compare the storyboard with the kept takes, as a run sees them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from longtake import library
from longtake import plan as plans
from longtake.assets import can_host, needs_host
from longtake.errors import SettingsError
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
    """Compare the storyboard with the kept takes, as if the requested retakes were decided, and make the plan.

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


def check_hosting(session: Session, comparison: Comparison) -> None:
    """Check that the provider can read the frames that shots start from, before the first shot of a chain is bought in vain.

    Raises:
        SettingsError: it cannot.
    """
    if can_host(session.assets):
        return
    found = plans.statuses(comparison)
    for shot in comparison.resolved.shots:
        parent = found[shot.parent].used if shot.parent is not None else None
        ours = found[shot.id].bridges is not None or needs_host(session.assets, shot, parent)
        if found[shot.id].to_buy and ours:
            raise SettingsError(
                f"{shot.label} starts from pictures that the provider cannot read: {session.store.uri} has no public URL",
                next_step="set LONGTAKE_PUBLIC_URL to a base URL under which the store can be read, or use an S3 store",
            )
