"""Make the shots of a film: each as soon as the frame it starts from is there. A failed shot blocks only its dependents.

Where nothing else can come of a shot than the take that is bought (`ShotStatus.waits`), the shot after it starts from the recorded
last frame, while the clip is still fetched, checked and kept.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from longtake import plan as plans
from longtake.errors import InDoubtError, LongtakeError, TaskIdNotRecordedError
from longtake.observer import Part
from longtake.report import ShotOutcome
from longtake.studio.steps import apply_steps, refusal
from longtake.take import EnsuredShot, ensure_shot

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

    from longtake.library import Take
    from longtake.plan import Comparison, ShotStatus
    from longtake.report import OutcomeStatus
    from longtake.request import ResolvedShot
    from longtake.studio.steps import ClipStep
    from longtake.take import Session


@dataclass(frozen=True, slots=True)
class MadeShot:
    """What became of one shot, and how it stands for the shots that continue it."""

    outcome: ShotOutcome
    status: ShotStatus


async def shoot(
    session: Session,
    comparison: Comparison,
    *,
    only: Collection[str] | None = None,
    made: Mapping[str, MadeShot] | None = None,
    steps: Sequence[ClipStep] = (),
) -> dict[str, MadeShot]:
    """Make every shot as soon as the frame it starts from is there.

    Args:
        session: the run's.
        comparison: the storyboard against what is kept, for a run.
        only: ids of shots; one is among them only if `made` or they hold the shot it continues. None for all.
        made: shots that were made before and are left alone.
        steps: the user's own steps, which see each take before it is used.

    Returns:
        By id, what became of the shots, those in `made` too.
    """
    done = dict(made or {})
    jobs: dict[str, asyncio.Task[MadeShot]] = {}
    ahead: dict[str, asyncio.Future[ShotStatus]] = {}

    async def kept(shot: ResolvedShot) -> ShotStatus | None:
        """How the shot that this one continues stands in the end."""
        if shot.parent is None:
            return None
        return (done[shot.parent] if shot.parent in done else await jobs[shot.parent]).status

    async def begun(shot: ResolvedShot) -> ShotStatus | None:
        """The same as soon as its last frame is known."""
        if shot.parent in jobs:
            either: set[asyncio.Future[Any]] = {jobs[shot.parent], ahead[shot.parent]}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not jobs[shot.parent].done():
                return ahead[shot.parent].result()
        return await kept(shot)

    def hand_on(status: ShotStatus) -> None:
        above = jobs.get(status.shot.parent or "")
        # A frame of a chain that is broken above it is not handed on: what would be bought from it may be of no use.
        broken = above is not None and above.done() and not above.cancelled() and above.result().status.used is None
        if not ahead[status.shot.id].done() and not broken:
            ahead[status.shot.id].set_result(status)

    async def work(shot: ResolvedShot) -> MadeShot:
        parent = await begun(shot)
        with session.events.observer.within(Part("shot", shot.label)):
            one = await _shot(session, comparison, shot, parent, steps, hand_on=hand_on, kept_parent=lambda: kept(shot))
            session.events.event("shot.done", shot=shot.label, state=one.outcome.state)
        return one

    loop = asyncio.get_running_loop()
    async with session.events.watching(), asyncio.TaskGroup() as group:
        for shot in comparison.resolved.parents_first():
            if shot.id not in done and (only is None or shot.id in only):
                ahead[shot.id] = loop.create_future()
                jobs[shot.id] = group.create_task(work(shot))
    return done | {name: job.result() for name, job in jobs.items()}


def still_used(comparison: Comparison, made: Mapping[str, MadeShot], *, again: bool) -> dict[str, MadeShot]:
    """The shots that were made and are used as they were; what was decided otherwise since is left out, to be made again.

    Args:
        comparison: the storyboard against what is kept now.
        made: what became of the shots before.
        again: whether those that failed are left out as well.
    """
    found = plans.statuses(comparison)

    def stands(one: MadeShot) -> bool:
        status, take = found[one.outcome.shot.id], one.outcome.take
        if take is None or one.outcome.error is not None:
            return not again
        return status.used is not None and status.used.fingerprint == take.fingerprint and not status.to_buy

    return {name: one for name, one in made.items() if stands(one)}


async def _shot(
    session: Session,
    comparison: Comparison,
    shot: ResolvedShot,
    parent: ShotStatus | None,
    steps: Sequence[ClipStep],
    *,
    hand_on: Callable[[ShotStatus], None],
    kept_parent: Callable[[], Awaitable[ShotStatus | None]],
) -> MadeShot:
    started = time.monotonic()

    async def edit(take: Take) -> None:
        await apply_steps(session, comparison, take, steps)

    failed = await _edit_kept(session, comparison, shot, parent, steps) if steps else None
    done = await ensure_shot(
        session, comparison, shot, parent, then=edit, hand_on=None if steps else hand_on, kept_parent=kept_parent
    )
    status, errors = done.status, [*done.errors, *([failed] if failed is not None else [])]
    broken = False
    if parent is not None and parent.ahead is not None and (kept := await kept_parent()) is not None:
        broken = kept.used is None
        if kept.used is not None and kept.used.leaves.sha256 != parent.ahead.sha256:
            # Another release kept the take with another frame: say how the shot stands behind that one.
            status = comparison.look(shot, kept)
            status = replace(status, used=status.used if status.settled else None, ahead=None)
    if (refused := failed or refusal(comparison, status.used)) is not None and status.used is not None:
        # Nothing is made from a take that must not be used.
        errors, status = [*errors, refused], replace(status, used=None)
    seconds = time.monotonic() - started if done.obtained or errors else 0.0
    error = max(errors, key=lambda e: e.exit_code, default=None)
    why = "; ".join(map(str, status.reasons)) if status.state == "stale" else ""
    state = _became(EnsuredShot(status, done.obtained, tuple(errors)))
    outcome = ShotOutcome(shot, state, status.used, status.kept, error, seconds, why)
    if broken:
        # What was bought is kept; nothing more is bought behind it until the clip before it is kept as well.
        ahead = status.used.leaves if status.used is not None else status.ahead
        status = replace(status, used=None, ahead=ahead, broken=True)
    return MadeShot(outcome, status)


async def _edit_kept(
    session: Session, comparison: Comparison, shot: ResolvedShot, parent: ShotStatus | None, steps: Sequence[ClipStep]
) -> LongtakeError | None:
    """Let the steps see the takes that are kept already; the error of the first that failed."""
    if parent is not None and parent.used is None:
        return None
    status = comparison.look(shot, parent)
    takes = {take.fingerprint: take for take in (*status.kept, *([status.used] if status.used else []))}
    for name in takes:
        take = comparison.take_library.original(name)
        try:
            if take is not None:
                await apply_steps(session, comparison, take, steps)
        except LongtakeError as error:
            session.events.line(error.message, level=logging.WARNING)
            return error
    return None


def _became(done: EnsuredShot) -> OutcomeStatus:
    if done.status.used is not None:
        if any(one.state == "bought" for one in done.obtained):
            return "bought"
        return "stale" if done.status.state == "stale" else "current"
    if not done.errors:
        return "blocked"
    return "in doubt" if any(isinstance(e, InDoubtError | TaskIdNotRecordedError) for e in done.errors) else "failed"
