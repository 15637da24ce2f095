"""The status of one shot of a film: its takes, its state, and the reason."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from longtake.ledger import Attempt
    from longtake.library import Frame, Take
    from longtake.plan.changes import Change
    from longtake.request import ResolvedShot
    from longtake.storyboard import Downstream

Status = Literal["current", "stale", "missing", "blocked", "in doubt", "under way"]

EVER = datetime.min.replace(tzinfo=UTC)
"""When what the storyboard says was decided: before everything else."""


@dataclass(frozen=True, slots=True)
class Lack:
    """A take that is wanted and not there."""

    number: int
    name: str
    """Its fingerprint, or where that is not known yet something that is the same for the same take."""
    bridges: str | None = None
    """The kept take (fingerprint) of the shot after it whose first frame it is pinned to."""
    end: Frame | None = None
    """That take's first frame, once it was taken out."""
    attempt: Attempt | None = None
    """An open attempt for it: a run takes that up and buys nothing."""
    older: bool = False
    """Whether that attempt starts from an older frame: its take is stale when it comes, as a kept one would be."""


@dataclass(frozen=True, slots=True)
class ShotStatus:
    """How one shot stands."""

    shot: ResolvedShot
    state: Status
    used: Take | None = None
    """The kept take to use: as it is, or until what is lacking has been bought."""
    kept: tuple[Take, ...] = ()
    """All kept takes of the shot as described, the oldest first."""
    lacks: tuple[Lack, ...] = ()
    reasons: tuple[Change, ...] = ()
    downstream: Downstream = "bridge"
    """What becomes of the shots that continue it."""
    decided: datetime = field(default=EVER, repr=False)
    no_bridge: str | None = None
    """Why a new take cannot be pinned to the kept shot after it, though `bridge` is asked for."""
    waits: str | None = None
    """Why a shot that continues it is bought only when what is lacking is kept; None where its last frame is enough."""
    ahead: Frame | None = None
    """The recorded last frame of what is lacking, before its clip is kept: shots that continue it start from this one."""
    broken: bool = False
    """Whether its clip, or one before it, could not be kept: what was bought behind it is fetched, and nothing more is bought."""

    @property
    def settled(self) -> bool:
        """Whether `used` is what the film will use when everything lacking is there."""
        return self.used is not None and not (self.state == "stale" and self.lacks)

    @property
    def to_buy(self) -> tuple[Lack, ...]:
        """What a run would pay for."""
        return tuple(lack for lack in self.lacks if lack.attempt is None)

    @property
    def bridges(self) -> str | None:
        """The kept take whose first frame its new takes are pinned to."""
        return next((lack.bridges for lack in self.lacks if lack.bridges is not None), None)


def select(shot: ResolvedShot, takes: Mapping[int, Take | None], focus: int | None) -> Take | None:
    """The take to use among kept ones by number: the one named, else the first that passed its checks, or the best by score."""
    found = {number: take for number, take in sorted(takes.items()) if take is not None}
    if focus is not None and focus in found:
        return found[focus]
    if not found:
        return None
    if shot.pick == "best":
        return max(found.values(), key=lambda take: (take.checks.score if take.checks else 1.0, -take.take))
    passed = [take for take in found.values() if take.checks is None or take.checks.passed]
    return (passed or list(found.values()))[0]
