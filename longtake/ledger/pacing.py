"""How fast the account may be asked: what the log tells of submits so far, and how long a claim waits for that.

All runs of the account read the same log, so a 429 to one of them slows everyone down, once. The log's times are its writers'
clocks. So a reader waits by its own clock, from when it first saw an entry, and uses those times only to wait less.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from collections.abc import Callable

    from longtake.ledger.entries import Refused
    from longtake.ledger.state import Attempt, State

SKEW = timedelta(seconds=10)
"""How far the clocks of two machines may differ before a living owner is taken for dead, or a pause for over."""

LOOK_AGAIN = 1.0
"""Seconds between two looks at what only other processes can change."""

LONGEST_TASK = timedelta(hours=1)
"""A task older than this has ended, whether somebody saw it or not (p95 is 603 s, contract §3)."""

_RATE_LIMITED = 429
_LONGEST_PAUSE = 60.0
_LONGEST_ASKED = 600.0
_CAREFUL = 100
"""Submits that have to be accepted after a 429 before more than one is open at once. It costs little: a POST takes a second."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much the account asks of the provider, over all its runs; None does not limit.

    Attributes:
        in_flight: tasks under way and POSTs open at once.
        per_second: submits a second.
    """

    in_flight: int | None = None
    per_second: float | None = None


class Pace(BaseModel):
    """The part of the state that paces submits; a fold over entries, which replaces it and never changes it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    intent_at: datetime | None = None
    """When the last intent was written."""
    slowed: int = 0
    """The entry of the last 429."""
    slowed_at: datetime | None = None
    asked: float = 0.0
    """Seconds it asked for."""
    pause: float = 0.0
    """Seconds from that entry on in which nobody sends."""
    row: int = 0
    """Slow-downs since a submit was accepted or a task ended."""
    careful: int = 0
    """Submits still to be accepted before more than one may be open."""

    def sent(self, at: datetime) -> Pace:
        """An intent was written."""
        return self.model_copy(update={"intent_at": at})

    def refused(self, sequence: int, entry: Refused, *, intent: int) -> Pace:
        """Entry `sequence` refuses the intent of entry `intent`; only a 429 is about pace."""
        if entry.status != _RATE_LIMITED:
            return self
        wanted = min(entry.retry_after or 0.0, _LONGEST_ASKED)
        # A POST that was open when the last 429 was written ran into the same limit: it is the same slow-down.
        again = intent < self.slowed
        row = max(self.row, 1) if again else self.row + 1
        wanted = max(wanted, self.asked) if again else wanted
        return self.model_copy(
            update={
                "slowed": sequence,
                "slowed_at": entry.at,
                "asked": wanted,
                "pause": max(wanted, min(2.0 ** min(row - 1, 10), _LONGEST_PAUSE)),
                "row": row,
                "careful": _CAREFUL,
            }
        )

    def accepted(self, *, intent: int) -> Pace:
        """The submit of this intent was accepted; one from before the last 429 tells nothing."""
        if intent < self.slowed:
            return self
        return self.model_copy(update={"asked": 0.0, "pause": 0.0, "row": 0, "careful": max(0, self.careful - 1)})

    def ended(self) -> Pace:
        """A task ended and may have made room: only what the provider asked for is still waited."""
        return self.model_copy(update={"pause": self.asked, "row": 0})


class Patience:
    """When this process first saw the newest entry of a kind, by its own clock."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[int, float]] = {}

    def note(self, kind: str, sequence: int) -> float:
        """Remember an entry; gives the seconds since it was first seen."""
        known = self._seen.get(kind)
        if known is None or known[0] != sequence:
            known = self._seen[kind] = (sequence, time.monotonic())
        return time.monotonic() - known[1]

    def left(self, kind: str, sequence: int, *, at: datetime, now: datetime, seconds: float) -> float:
        """What is left of so many seconds from an entry on, whatever the clock of its writer says."""
        mine = seconds - self.note(kind, sequence)
        theirs = (at + SKEW - now).total_seconds() + seconds
        return max(0.0, min(mine, theirs))


def to_wait(
    state: State, limits: Limits, patience: Patience, *, now: datetime, alive: Callable[[Attempt], bool]
) -> float:
    """Seconds before the account may be asked again; 0 for now.

    Args:
        state: the state now.
        limits: the claimant's.
        patience: the claimant's.
        now: the claimant's clock.
        alive: whether the owner of an intent may still be sending.
    """
    pace, waits = state.pace, [0.0]
    if pace.slowed_at is not None:
        waits.append(patience.left("429", pace.slowed, at=pace.slowed_at, now=now, seconds=pace.pause))
    if limits.per_second is not None and pace.intent_at is not None:
        gap = 1 / limits.per_second
        waits.append(patience.left("intent", state.last_intent, at=pace.intent_at, now=now, seconds=gap))
    if limits.in_flight is not None or pace.careful:
        posts = sum(a.phase == "intent" and alive(a) for a in state.attempts.values())
        # Doubts do not count: nobody sees them end.
        tasks = sum(a.phase == "accepted" and now - a.since < LONGEST_TASK for a in state.attempts.values())
        full = limits.in_flight is not None and posts + tasks >= limits.in_flight
        if full or (posts and pace.careful):
            waits.append(LOOK_AGAIN)
    return max(waits)
