"""Make the shots of a film: each as soon as the shot it continues is there. A failed shot blocks only its dependents."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from longtake import plan as plans
from longtake.errors import InDoubtError, TaskIdNotRecordedError
from longtake.report import Outcome
from longtake.take import complete

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from longtake.plan import Comparison, Standing
    from longtake.report import Made
    from longtake.request import ResolvedShot
    from longtake.take import Completed, Session

__all__ = ["MadeShot", "shoot"]


@dataclass(frozen=True, slots=True)
class MadeShot:
    """What became of one shot, and how it stands for the shots that continue it."""

    outcome: Outcome
    standing: Standing


async def shoot(
    session: Session,
    comparison: Comparison,
    *,
    only: Collection[str] | None = None,
    made: Mapping[str, MadeShot] | None = None,
) -> dict[str, MadeShot]:
    """Make every shot as soon as the shot it continues is there.

    Args:
        session: the run's.
        comparison: the storyboard against what is kept, for a run.
        only: ids of shots; one is among them only if `made` or they hold the shot it continues. None for all.
        made: shots that were made before and are left alone.

    Returns:
        By id, what became of the shots, those in `made` too.
    """
    done = dict(made or {})
    jobs: dict[str, asyncio.Task[MadeShot]] = {}

    async def parent_of(shot: ResolvedShot) -> Standing | None:
        if shot.parent is None:
            return None
        return (done[shot.parent] if shot.parent in done else await jobs[shot.parent]).standing

    async def work(shot: ResolvedShot) -> MadeShot:
        one = await _shot(session, comparison, shot, await parent_of(shot))
        session.events.event("shot.done", shot=shot.label, state=one.outcome.state)
        return one

    async with session.events.watching(), asyncio.TaskGroup() as group:
        for shot in plans.parents_first(comparison.resolved):
            if shot.id not in done and (only is None or shot.id in only):
                jobs[shot.id] = group.create_task(work(shot))
    return done | {name: job.result() for name, job in jobs.items()}


async def _shot(session: Session, comparison: Comparison, shot: ResolvedShot, parent: Standing | None) -> MadeShot:
    started = time.monotonic()
    done = await complete(session, comparison, shot, parent)
    seconds = time.monotonic() - started if done.obtained or done.errors else 0.0
    error = max(done.errors, key=lambda e: e.exit_code, default=None)
    why = "; ".join(map(str, done.standing.reasons)) if done.standing.state == "stale" else ""
    return MadeShot(
        Outcome(shot, _became(done), done.standing.used, done.standing.kept, error, seconds, why), done.standing
    )


def _became(done: Completed) -> Made:
    if done.standing.used is not None:
        if any(one.state == "bought" for one in done.obtained):
            return "bought"
        return "stale" if done.standing.state == "stale" else "current"
    if not done.errors:
        return "blocked"
    return "in doubt" if any(isinstance(e, InDoubtError | TaskIdNotRecordedError) for e in done.errors) else "failed"
