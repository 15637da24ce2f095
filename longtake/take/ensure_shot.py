"""One shot: what it lacks is obtained, and then it is looked at again to see which take is used."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from longtake import library
from longtake.errors import LongtakeError, TaskFailedError
from longtake.take.end_frame import pin_end_frames
from longtake.take.ensure_take import ensure_take
from longtake.take.poll import poll
from longtake.take.salvage import salvage
from longtake.take.submit import bought_elsewhere
from longtake.take.upload import TakeSpec

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from longtake.ledger import Attempt
    from longtake.library import Frame, Take
    from longtake.plan import Comparison, ShotStatus
    from longtake.request import ResolvedShot
    from longtake.take.ensure_take import EnsuredTake
    from longtake.take.session import Session

_log = logging.getLogger("longtake.studio")


@dataclass(frozen=True, slots=True)
class EnsuredShot:
    """The status of a shot after a run: `status.used` is the film's take, None if there is none."""

    status: ShotStatus
    obtained: tuple[EnsuredTake, ...] = ()
    errors: tuple[LongtakeError, ...] = ()


async def ensure_shot(
    session: Session,
    comparison: Comparison,
    shot: ResolvedShot,
    parent: ShotStatus | None,
    *,
    then: Callable[[Take], Awaitable[None]] | None = None,
    hand_on: Callable[[ShotStatus], None] | None = None,
    kept_parent: Callable[[], Awaitable[ShotStatus | None]] | None = None,
) -> EnsuredShot:
    """Obtain every take that a shot lacks, side by side. An error of a take is returned and ends no other take.

    Args:
        session: the run's.
        comparison: the storyboard against what is kept; takes that come are counted in it.
        shot: the shot.
        parent: how the shot it continues stands now, perhaps only with the frame it is `ahead` with; None where it continues none.
        then: called with each take that was obtained, before it counts.
        hand_on: called, where nothing else is to be waited for, when the last frame of its new take is recorded and the clip is
            not kept yet: with the status for shots that continue it.
        kept_parent: waits until the shot it continues is done, and gives how it stands then.
    """

    def look() -> ShotStatus:
        found = comparison.look(shot, parent)
        if parent is None or not parent.broken:
            return found
        return replace(found, lacks=tuple(lack for lack in found.lacks if lack.attempt is not None))

    status = look()
    ahead = status.ahead
    source = parent.used if parent is not None else None
    frame = comparison.start(parent)
    if parent is not None and frame is None:
        return EnsuredShot(replace(status, used=None, ahead=None))

    async def kept_source() -> Take | None:
        done = await kept_parent() if kept_parent is not None else None
        return done.used if done is not None else None

    late = kept_source if parent is not None and parent.ahead is not None else None
    asked: set[int] = set()
    obtained: list[EnsuredTake] = []
    errors: list[LongtakeError] = []
    # More than once only where takes fail their checks and the storyboard asks for new ones.
    while not errors and any(lack.number not in asked for lack in status.lacks):
        try:
            status = await pin_end_frames(session.store, comparison, status, parent, run=session.run)
        except LongtakeError as error:
            errors.append(error)
            break
        specs = [TakeSpec(shot, lack.number, frame, lack.end, lack.bridges, source) for lack in status.lacks]
        older = [lack.attempt for lack in status.lacks if lack.older and lack.attempt is not None]
        fetched = await asyncio.gather(*(_older(session, comparison, attempt, then) for attempt in older))
        errors += [error for error in fetched if error is not None]
        if older:
            status = look()
            continue
        asked.update(one.take for one in specs)
        ready = _ready(status, hand_on) if status.waits is None else None
        for one in await asyncio.gather(*(_obtain(session, one, then, ready, late) for one in specs)):
            if isinstance(one, LongtakeError):
                errors.append(one)
            else:
                obtained.append(one)
                comparison.take_library.add(one.take)
        status = look()
    used = status.used if status.settled else None
    # Where its clip cannot be had now, what was bought from its recorded frame is still fetched.
    broken = used is None and ahead is not None
    status = replace(status, used=used, ahead=ahead if broken else None, broken=broken)
    return EnsuredShot(status, tuple(obtained), tuple(errors))


async def _older(
    session: Session,
    comparison: Comparison,
    attempt: Attempt,
    then: Callable[[Take], Awaitable[None]] | None,
) -> LongtakeError | None:
    """Fetch what was bought from an older frame before anything is bought in its place; give the error where that fails.

    What another key bought only that key can fetch: as long as it is open there, nothing is bought in its place either.
    """
    ledger, order = session.ledger, attempt.order
    try:
        found = (await asyncio.to_thread(ledger.read)).find(order.fingerprint)
        if found is None:
            take = await asyncio.to_thread(library.load, session.store, order.fingerprint)
            if take is None and (elsewhere := bought_elsewhere(session, order.fingerprint)) is not None:
                session.events.line(f"{order.label}: {elsewhere.message}", level=logging.WARNING)
                return elsewhere
        else:
            await poll(ledger, session.account.provider, found, longest=session.settings.longest_wait)
            async with session.keeping:
                take = await salvage(session.assets, ledger, found, comparison)
        if take is not None:
            comparison.take_library.add(take)
            if then is not None:
                await then(take)
    except TaskFailedError as error:
        session.events.task_failed(attempt, error)
    except LongtakeError as error:
        return error
    except Exception as error:  # noqa: BLE001 - as below: it must not end the other shots
        _log.exception("%s", order.label)
        return LongtakeError(f"{order.label} stopped by {type(error).__name__}: {error}")
    comparison.forget(attempt)
    return None


def _ready(status: ShotStatus, hand_on: Callable[[ShotStatus], None] | None) -> Callable[[Frame], None] | None:
    if hand_on is None or not status.shot.continued:
        return None
    return lambda frame: hand_on(replace(status, used=None, ahead=frame))


async def _obtain(
    session: Session,
    spec: TakeSpec,
    then: Callable[[Take], Awaitable[None]] | None,
    ready: Callable[[Frame], None] | None,
    late: Callable[[], Awaitable[Take | None]] | None,
) -> EnsuredTake | LongtakeError:
    """Obtain a take, or give the error: it stays with its shot."""
    try:
        found = await ensure_take(session, spec, hand_on=ready, source=late)
        if then is not None:
            await then(found.take)
    except LongtakeError as error:
        session.events.not_obtained(spec, error)
        return error
    except Exception as error:  # noqa: BLE001 - a full disk, an API that is away: it must not end the other shots
        _log.exception("%s", spec.label)
        return LongtakeError(f"{spec.label} stopped by {type(error).__name__}: {error}")
    return found
