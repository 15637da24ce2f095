"""What readings of the balance leave in the state."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from longtake.ledger import entries as e


class Check(BaseModel):
    """A comparison of the balance with what the log explains."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    sequence: int
    at: datetime
    balance: int
    drift: int
    """balance − expected: negative when credits are missing."""


class Refund(BaseModel):
    """A refund that the provider promises (provider-contract.md §2), not yet seen in the balance."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    attempt: str
    credits: int
    order: e.Purchase
    day: str
    sequence: int = 0
    """The entry that promised it; 0 in those of releases that did not say."""
    unopened: bool = False
    """Whether it was promised before the first reading of the balance: that took it for paid, and no later one can prove that."""
