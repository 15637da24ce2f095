"""A run without an engine: the flow's own steps, for tests of what is bought."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

from longtake import plan, record
from longtake.errors import LongtakeError
from longtake.ledger import accounts
from longtake.plan import Comparison
from longtake.provider.cadence import Cadence
from longtake.report import Outcome
from longtake.take import complete, decide, obtain, open_session, read_inputs

QUICK = Cadence(shortest=0.05, longest=0.3, longest_fault=0.5)


@asynccontextmanager
async def quick_session(settings, **options):
    """A session that asks for its tasks more often than a provider of the world would like."""
    async with open_session(settings, **options) as session:
        session.provider._cadence = QUICK
        yield session


async def shoot(session, resolved, *, redo=(), follow=None, each=obtain):
    """Every shot as soon as the shot it continues is there; an outcome for each, in film order."""
    await read_inputs(session, resolved)
    await session.balance()
    holdings = record.read_holdings(session.store, session.film)
    books = plan.read_books(session.store, session.settings.host, session.film, own=session.book.log)
    comparison = Comparison(
        resolved,
        holdings,
        catalog=session.catalog,
        realm=session.settings.realm,
        attempts=books.attempts,
        follow=follow,
    )
    for revision in comparison.redo(redo, run=session.run):
        await decide(session, comparison, revision)
    running, done = comparison.running(), {}

    async def get(session, wanted):
        try:
            return await each(session, wanted)
        except LongtakeError as error:
            return error

    async def work(shot):
        parent = (await done[shot.parent]).standing if shot.parent else None
        return await complete(session, running, shot, parent, get)

    async with asyncio.TaskGroup() as group:
        for shot in plan.parents_first(resolved):
            done[shot.id] = group.create_task(work(shot))
    outcomes = [_outcome(shot, done[shot.id].result()) for shot in resolved.shots]
    used = {one.shot.id: one.take.fingerprint for one in outcomes if one.take is not None}
    before = holdings.snapshot
    _, sums = accounts.by_shot(session.book, session.film, before.sums if before else None)
    holdings.save(run=session.run, used=used, labels={shot.id: shot.label for shot in resolved.shots}, sums=sums)
    return outcomes


def _outcome(shot, done):
    standing = done.standing
    if standing.used is None:
        return Outcome(shot, "failed" if done.errors else "blocked", error=next(iter(done.errors), None))
    state = "stale" if standing.state == "stale" else "current"
    bought = any(one.state == "bought" for one in done.obtained)
    return Outcome(shot, "bought" if bought else state, standing.used, standing.kept)
