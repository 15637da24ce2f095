"""What readings of the balance leave in the state."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from longtake.ledger.purchase import Purchase


class Check(BaseModel):
    """A comparison of the balance with what the log explains."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    sequence: int
    at: datetime
    balance: int
    drift: int
    """balance − expected: negative when credits are missing."""
    others: dict[str, int] | None = None
    """What the key's other ledgers had then, as in the entry."""

    def still(self, others: dict[str, int] | None) -> bool:
        """Whether nothing of the key's other ledgers can have moved the balance between this reading and now."""
        return others == self.others and all((others or {}).values())


class Refund(BaseModel):
    """A refund that the provider promises (provider-contract.md §2), not yet seen in the balance."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    attempt: str
    credits: int
    order: Purchase
    day: str
    sequence: int = 0
    """The entry that promised it; 0 in those of releases that did not say."""
    unopened: bool = False
    """Whether it was promised before the first reading of the balance, or before one that another ledger of the key may have moved:
    that took it for paid, and no later one can prove that."""


def differs(drift: int, agreed: Check | None) -> str:
    """Say by how much the balance differs from the ledger, and since when.

    Args:
        drift: balance − what the ledger explains, in credits.
        agreed: the last comparison without drift.
    """
    since = f" since {agreed.at:%Y-%m-%d %H:%M:%S} UTC" if agreed is not None else ""
    return f"the balance differs from the ledger by {'−' if drift < 0 else '+'}{abs(drift):,} credits{since}"
