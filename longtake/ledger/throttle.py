"""How fast the account may be asked: the limits of its runs, and the part of the fold that remembers 429s.

All runs of the account read the same log, so a 429 to one of them slows everyone down, once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from longtake.frozen import Frozen

if TYPE_CHECKING:
    from longtake.ledger.entries import Refused

SKEW = timedelta(seconds=10)
"""How far the clocks of two machines may differ before a living owner is taken for dead, or a pause for over."""

LOOK_AGAIN = 1.0
"""Seconds between two looks at what only other processes can change."""

LONGEST_TASK = timedelta(hours=1)
"""A task older than this has ended, seen or not (p95 is 603 s, provider-contract.md §3)."""

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


class SubmitPace(Frozen):
    """The part of the state that paces submits; a fold over entries, which replaces it and never changes it."""

    intent_at: datetime | None = None
    """When the last intent was written."""
    slowed: int = 0
    """The entry of the last 429."""
    slowed_at: datetime | None = None
    asked: float = 0.0
    """Seconds it asked for."""
    pause: float = 0.0
    """Seconds from that entry on in which no run sends."""
    row: int = 0
    """Slow-downs since a submit was accepted or a task ended."""
    careful: int = 0
    """Submits still to be accepted before more than one may be open."""

    def sent(self, at: datetime) -> SubmitPace:
        """An intent was written."""
        return self.model_copy(update={"intent_at": at})

    def refused(self, sequence: int, entry: Refused, *, intent: int) -> SubmitPace:
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

    def accepted(self, *, intent: int) -> SubmitPace:
        """The submit of this intent was accepted; one from before the last 429 tells nothing."""
        if intent < self.slowed:
            return self
        return self.model_copy(update={"asked": 0.0, "pause": 0.0, "row": 0, "careful": max(0, self.careful - 1)})

    def ended(self) -> SubmitPace:
        """A task ended and may have made room: only what the provider asked for is still waited."""
        return self.model_copy(update={"pause": self.asked, "row": 0})
