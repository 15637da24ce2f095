"""An attempt: one paid request for a take, from its intent until its money is settled, and what became of it."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from longtake.ledger.purchase import Purchase

Phase = Literal["intent", "accepted", "completed", "failed", "in_doubt", "held"]
AttemptOutcome = Literal[
    "settled", "refunded", "refused", "not_sent", "not_charged", "written_off", "refund_missing", "refund_found"
]

DOUBTS = frozenset({"in_doubt", "held"})


class Attempt(BaseModel):
    """An attempt whose money is not settled yet."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    id: str
    number: int
    order: Purchase
    owner: str
    at: datetime
    lease_until: datetime
    phase: Phase = "intent"
    since: datetime
    """When it came into this phase."""
    task_id: str | None = None
    credits: int | None = None
    """`usage.credits` once completed, where the provider said."""
    code: int | None = None
    reason: str = ""
    retryable: bool = False

    @property
    def money(self) -> int:
        """Credits this attempt holds back: its reserve until the charge is known."""
        return self.charge if self.phase == "completed" else self.order.reserve

    @property
    def charge(self) -> int:
        """Credits of a completed attempt: what the provider said, else the estimate."""
        return self.order.expected if self.credits is None else self.credits

    @property
    def sequence(self) -> int:
        """The place of its intent in the log."""
        return int(self.id[1:])


class Closed(BaseModel):
    """What became of an attempt, for the accounts. `refund_missing` and `refund_found` correct an earlier line."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    id: str
    number: int
    order: Purchase
    day: str
    outcome: AttemptOutcome
    charged: int = 0
    refunded: int = 0
    task_id: str | None = None
    reason: str = ""


def day_of(at: datetime) -> str:
    """The UTC day a time belongs to, as `2026-11-22`."""
    return at.strftime("%Y-%m-%d")
