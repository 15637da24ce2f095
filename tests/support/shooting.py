"""The story of a film without an engine and without its end: compare, decide, shoot. For tests of what is bought."""

from __future__ import annotations

from longtake.assets import read_inputs
from longtake.provider.polling import PollCadence
from longtake.studio.comparison import compare
from longtake.studio.film_run import decide_retakes
from longtake.studio.leaving import leave_snapshot
from longtake.studio.shooting import shoot as shoot_all

QUICK = PollCadence(shortest=0.05, longest=0.3, longest_fault=0.5)


async def shoot(session, resolved, *, retake=(), downstream=None):
    """Every shot as soon as the shot it continues is there; an outcome for each, in film order."""
    await read_inputs(session.assets, resolved)
    await session.account.balance(session.store)
    comparison, _ = await compare(session, resolved, downstream)
    await decide_retakes(session, comparison, retake)
    made = await shoot_all(session, comparison.running())
    outcomes = [made[shot.id].outcome for shot in resolved.shots]
    await leave_snapshot(session, comparison, outcomes)
    return outcomes
