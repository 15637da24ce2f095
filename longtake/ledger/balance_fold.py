"""What readings of the balance, and refunds found or missed by them, change in the state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longtake.ledger.attempt import Closed
from longtake.ledger.readings import Check

if TYPE_CHECKING:
    from datetime import datetime

    from longtake.ledger import entries as e
    from longtake.ledger.readings import Refund
    from longtake.ledger.state import LedgerState


def read_balance(state: LedgerState, sequence: int, entry: e.Balance) -> None:
    """Fold a reading in: the drift, and which refunds it proves."""
    before, offset = state.checked, state.offset
    if state.opening is None:
        state.opening = entry.balance + state.debits - state.refunds - state.adjustments
    expected = state.expected_balance
    assert expected is not None  # noqa: S101 - set above
    drift = entry.balance - expected
    state.checked = Check(sequence=sequence, at=entry.at, balance=entry.balance, drift=drift, others=entry.others)
    state.offset, state.blind = drift, False
    if not drift:
        state.agreed = state.checked
    if before is None or not before.still(entry.others):
        state.unproven = [one.model_copy(update={"unopened": True}) for one in state.unproven]
    elif drift in {0, offset}:
        # Where nothing more is off than before, all that was promised since then has come.
        since = 0 if not drift else before.sequence
        state.unproven = [one for one in state.unproven if one.unopened or one.sequence <= since]


def explain(state: LedgerState, credits: int) -> None:
    """Part of what was off is accounted for now; more than that says nothing about the last reading."""
    if state.offset > 0 < credits:
        state.offset = max(0, state.offset - credits)
    elif state.offset < 0 > credits:
        state.offset = min(0, state.offset - credits)


def miss_refund(state: LedgerState, entry: e.RefundMissing) -> None:
    """A refund is certainly not in the balance: its credits are spent until they come."""
    refund = _taken(entry.attempt, state.unproven)
    if refund is None:
        return
    state.missing.append(refund)
    state.refunds -= refund.credits
    explain(state, -refund.credits)
    _corrected(state, refund, -refund.credits, entry.at)


def find_refund(state: LedgerState, entry: e.RefundFound) -> None:
    """A refund is in the balance, which may have been taken for paid, or for missing."""
    refund = _taken(entry.attempt, state.unproven)
    if refund is not None:
        if refund.unopened and entry.who is None and state.opening is not None:
            # It came after the first reading, which was too low by it.
            state.opening += refund.credits
            explain(state, refund.credits)
        return
    refund = _taken(entry.attempt, state.missing)
    if refund is not None:
        state.refunds += refund.credits
        explain(state, refund.credits)
        _corrected(state, refund, refund.credits, entry.at)


def _corrected(state: LedgerState, refund: Refund, credits: int, at: datetime) -> None:
    """The attempt closed as refunded, perhaps long ago and behind a checkpoint: a line corrects that, and budgets follow."""
    state.spend(refund.order, refund.day, -credits, at)
    missing = credits < 0
    state.closed.append(
        Closed(
            id=refund.attempt,
            number=0,
            order=refund.order,
            day=refund.day,
            outcome="refund_missing" if missing else "refund_found",
            refunded=credits,
            reason="its refund is not in the balance" if missing else "its refund came late",
        )
    )


def _taken(attempt: str, refunds: list[Refund]) -> Refund | None:
    """Remove the refund of an attempt from a list, where it is in it."""
    refund = next((one for one in refunds if one.attempt == attempt), None)
    if refund is not None:
        refunds.remove(refund)
    return refund
