"""One shot: what it lacks is obtained, and then it is looked at again to see which take is used."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from longtake.errors import LongtakeError
from longtake.take.lead import lead
from longtake.take.obtain import obtain
from longtake.take.upload import Wanted

if TYPE_CHECKING:
    from longtake.plan import Comparison, Standing
    from longtake.request import ResolvedShot
    from longtake.take.obtain import Obtained
    from longtake.take.session import Session

__all__ = ["Completed", "complete"]


_log = logging.getLogger("longtake.studio")


@dataclass(frozen=True, slots=True)
class Completed:
    """How a shot stands after a run did what it could: `standing.used` is the take of the film, None where there is none."""

    standing: Standing
    obtained: tuple[Obtained, ...] = ()
    errors: tuple[LongtakeError, ...] = ()


async def complete(session: Session, comparison: Comparison, shot: ResolvedShot, parent: Standing | None) -> Completed:
    """Obtain every take that a shot lacks, side by side. An error of a take is returned and ends no other take.

    Args:
        session: the run's.
        comparison: the storyboard against what is kept; takes that come are counted in it.
        shot: the shot.
        parent: how the shot it continues stands now; None where it continues none.
    """
    standing = comparison.look(shot, parent)
    source = parent.used if parent is not None else None
    if parent is not None and source is None:
        return Completed(replace(standing, used=None))
    frame = source.leaves if source is not None else None
    asked: set[int] = set()
    obtained: list[Obtained] = []
    errors: list[LongtakeError] = []
    # More than once only where takes fail their checks and the storyboard asks for new ones.
    while not errors and any(lack.number not in asked for lack in standing.lacks):
        try:
            standing = await lead(session, comparison, standing, parent)
        except LongtakeError as error:
            errors.append(error)
            break
        wanted = [Wanted(shot, lack.number, frame, lack.end, lack.bridges, source) for lack in standing.lacks]
        asked.update(one.take for one in wanted)
        for one in await asyncio.gather(*(_obtain(session, one) for one in wanted)):
            if isinstance(one, LongtakeError):
                errors.append(one)
            else:
                obtained.append(one)
                comparison.holdings.add(one.take)
        standing = comparison.look(shot, parent)
    if not standing.settled:
        standing = replace(standing, used=None)
    return Completed(standing, tuple(obtained), tuple(errors))


async def _obtain(session: Session, wanted: Wanted) -> Obtained | LongtakeError:
    """Obtain a take, or give the error: it stays with its shot."""
    try:
        return await obtain(session, wanted)
    except LongtakeError as error:
        session.events.not_obtained(wanted, error)
        return error
    except Exception as error:  # noqa: BLE001 - a full disk, an API that is away: it must not end the other shots
        _log.exception("%s", wanted.label)
        return LongtakeError(f"{wanted.label} stopped by {type(error).__name__}: {error}")
