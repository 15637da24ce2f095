"""How long a claim waits before the account may be asked again.

The log's times are its writers' clocks. So a reader waits by its own clock, from when it first saw an entry, and uses those times
only to wait less.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from longtake.ledger.throttle import LONGEST_TASK, LOOK_AGAIN, SKEW

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from longtake.ledger.attempt import Attempt
    from longtake.ledger.state import LedgerState
    from longtake.ledger.throttle import Limits


class ClaimWait:
    """When this process first saw the newest entry of a kind, by its own clock."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[object, float]] = {}

    def note(self, kind: str, entry: object) -> float:
        """Remember an entry, by its number or by what it says; gives the seconds since it was first seen."""
        known = self._seen.get(kind)
        if known is None or known[0] != entry:
            known = self._seen[kind] = (entry, time.monotonic())
        return time.monotonic() - known[1]

    def left(self, kind: str, sequence: int, *, at: datetime, now: datetime, seconds: float) -> float:
        """The seconds left of a wait that began with an entry, whatever its writer's clock says."""
        mine = seconds - self.note(kind, sequence)
        theirs = (at + SKEW - now).total_seconds() + seconds
        return max(0.0, min(mine, theirs))


def to_wait(
    state: LedgerState, limits: Limits, patience: ClaimWait, *, now: datetime, alive: Callable[[Attempt], bool]
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
        # Doubts do not count: no run sees them end.
        tasks = sum(a.phase == "accepted" and now - a.since < LONGEST_TASK for a in state.attempts.values())
        full = limits.in_flight is not None and posts + tasks >= limits.in_flight
        if full or (posts and pace.careful):
            waits.append(LOOK_AGAIN)
    return max(waits)
