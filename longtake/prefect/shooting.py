"""Making the shots: each as soon as the shot it continues is there; what fails blocks what hangs on it and nothing else."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prefect import get_run_logger

from longtake import plan as plans
from longtake.errors import BudgetError, InDoubtError, LongtakeError, TaskIdNotRecordedError
from longtake.prefect import artifacts
from longtake.prefect.task_events import Following
from longtake.report import Outcome
from longtake.take import complete, obtain

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from longtake.plan import Comparison, Standing
    from longtake.prefect.artifacts import Progress
    from longtake.report import Made
    from longtake.request import ResolvedShot
    from longtake.take import Completed, Obtained, Session, Wanted

__all__ = ["Shot", "shoot"]


@dataclass(frozen=True, slots=True)
class Shot:
    """What became of one shot, and how it stands for the shots that continue it."""

    outcome: Outcome
    standing: Standing


async def shoot(
    session: Session,
    comparison: Comparison,
    progress: Progress,
    *,
    only: Collection[str] | None = None,
    made: Mapping[str, Shot] | None = None,
) -> dict[str, Shot]:
    """Every shot as soon as the shot it continues is there.

    Args:
        session: the run's.
        comparison: the storyboard against what is kept, for a run.
        progress: is told of every shot that ends.
        only: ids of shots; one is among them only if `made` or they hold the shot it continues. None for all.
        made: shots that were made before and are left alone.

    Returns:
        By id, what became of the shots, those in `made` too.
    """
    done = dict(made or {})
    jobs: dict[str, asyncio.Task[Shot]] = {}

    async def parent_of(shot: ResolvedShot) -> Standing | None:
        if shot.parent is None:
            return None
        return (done[shot.parent] if shot.parent in done else await jobs[shot.parent]).standing

    async def work(shot: ResolvedShot) -> Shot:
        one = await _shot(session, comparison, shot, await parent_of(shot), following)
        progress.shot_done(shot.label, one.outcome.state)
        return one

    async with Following(session).watching() as following, asyncio.TaskGroup() as group:
        for shot in plans.parents_first(comparison.resolved):
            if shot.id not in done and (only is None or shot.id in only):
                jobs[shot.id] = group.create_task(work(shot))
    return done | {name: job.result() for name, job in jobs.items()}


async def _shot(
    session: Session, comparison: Comparison, shot: ResolvedShot, parent: Standing | None, following: Following
) -> Shot:
    """One shot, and what became of it."""
    started = time.monotonic()

    async def get(session: Session, wanted: Wanted) -> Obtained | LongtakeError:
        return await _obtain(session, wanted, following)

    done = await complete(session, comparison, shot, parent, get)
    seconds = time.monotonic() - started if done.obtained or done.errors else 0.0
    error = max(done.errors, key=lambda e: e.exit_code, default=None)
    why = "; ".join(map(str, done.standing.reasons)) if done.standing.state == "stale" else ""
    return Shot(
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


async def _obtain(session: Session, wanted: Wanted, following: Following) -> Obtained | LongtakeError:
    """One take, or the error that says why not: an error stays with its shot."""
    try:
        return await obtain(session, wanted, following.steps)
    except LongtakeError as error:
        following.failed(wanted, error)
        if isinstance(error, BudgetError) and session.refused is not error:
            session.refused = error
            artifacts.refused(session, error)
        return error
    except Exception as error:  # noqa: BLE001 - see below
        # A full disk, an API that is away: of whatever kind, it is this shot's and must not end the others.
        get_run_logger().exception("%s", wanted.label)
        return LongtakeError(f"{wanted.label} stopped by {type(error).__name__}: {error}")
