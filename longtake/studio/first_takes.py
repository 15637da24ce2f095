"""The first takes of a film's chains, made before a person is asked about the rest."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from longtake import library
from longtake import plan as plans
from longtake.errors import LongtakeError
from longtake.studio.shooting import shoot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longtake.plan import Comparison
    from longtake.request import ResolvedShot
    from longtake.studio.shooting import MadeShot
    from longtake.studio.steps import ClipStep
    from longtake.take import Session


async def first_takes(session: Session, comparison: Comparison, steps: Sequence[ClipStep]) -> dict[str, MadeShot]:
    """Make the first shots of the chains. A run that has asked about the rest before only fetches what it bought then.

    A suspended run begins again before it applies the answer: what failed before the question, or since, is part of what was asked.
    """
    firsts = _firsts(session, comparison)
    if not await asyncio.to_thread(library.question_noted, session.store, session.film, session.run):
        return await shoot(session, comparison.running(), only=firsts, steps=steps)
    found, before = plans.statuses(comparison), session.spending.halted
    session.spending.halted = before or LongtakeError(
        "it failed before the question about the rest was answered", next_step="answer the question; then it is bought"
    )
    try:
        there = {name for name in firsts if not found[name].to_buy}
        return await shoot(session, comparison.running(), only=there, steps=steps)
    finally:
        session.spending.halted = before


def _firsts(session: Session, comparison: Comparison) -> set[str]:
    """The first shots of the chains, without those that another run or a review wants retaken, which are part of the rest.

    A suspended run begins again before it applies the answer, and a review may have asked for retakes meanwhile.
    """
    found = plans.statuses(comparison)

    def waits(shot: ResolvedShot) -> bool:
        description = comparison.descriptions.get(shot.id, "")
        retakes = [one for one in comparison.take_library.decided(shot.id, description) if one.redo]
        if not retakes or all(lack.number != retakes[-1].take for lack in found[shot.id].lacks):
            return False
        # A later revision of the same take only adds its end frame.
        return next(one.run for one in retakes if one.take == retakes[-1].take) != session.run

    return {shot.id for shot in comparison.resolved.shots if shot.parent is None and not waits(shot)}
