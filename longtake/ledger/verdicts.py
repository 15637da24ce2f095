"""What a reconciliation decides: each verdict is an entry, written only while nothing was bought since the barrier."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longtake.errors import LedgerError
from longtake.ledger import entries as e
from longtake.ledger import owner
from longtake.ledger.balance import late
from longtake.ledger.ledger import now

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from longtake.ledger.attempt import Attempt
    from longtake.ledger.balance import ReconcileReport
    from longtake.ledger.ledger import Ledger
    from longtake.ledger.state import LedgerState


def charges(attempt: Attempt) -> int | range:
    """What the balance may lack for an attempt that was charged and not refunded."""
    reserve = attempt.order.reserve
    # Of an open length, the part that was not needed is given back before the task shows its end.
    return reserve if attempt.order.exact else range(1, reserve + 1)


def judge(
    ledger: Ledger, attempt: Attempt, *, charged: bool | None, barrier: int, longest: float, report: ReconcileReport
) -> None:
    """Decide one doubt, where that is certain.

    Args:
        ledger: the account's.
        attempt: in doubt.
        charged: whether the balance shows its charge; None where that is not certain.
        barrier: the reconciliation's.
        longest: seconds after which a charged, lost task can no longer be refunded.
        report: gets the verdict.
    """
    too_old = (now() - attempt.at).total_seconds() > longest
    # How much a task of open length cost stays unknown.
    if charged is None or (charged and not isinstance(charges(attempt), int)):
        report.undecided.append(attempt.id)
        report.needs_person.append(attempt.id)
    elif charged:
        if attempt.phase == "in_doubt":
            why = f"the balance is short by exactly this, expected {report.expected}, read {report.balance}"
            _decide(ledger, barrier, e.Held, attempt=attempt.id, why=why)
        report.held.append(attempt.id)
        if too_old:
            report.needs_person.append(attempt.id)
    elif attempt.phase == "held":
        _decide(ledger, barrier, e.Refunded, attempt=attempt.id, credits=attempt.order.reserve, proof="balance")
        report.refunded.append(attempt.id)
    else:
        why = f"the balance of {report.balance} is explained without it"
        _decide(ledger, barrier, e.NotCharged, attempt=attempt.id, who="reconcile", why=why)
        report.not_charged.append(attempt.id)


def judge_refunds(
    ledger: Ledger, state: LedgerState, verdicts: Mapping[str, bool], *, barrier: int, report: ReconcileReport
) -> None:
    """Decide about unproven and missing refunds where the balance leaves no other explanation."""
    for refund in state.unproven:
        charged = verdicts.get(f"refund {refund.attempt}")
        if charged is False and report.in_doubt:
            # No reading is written down while a doubt is open, and this one proves the refund.
            _decide(ledger, barrier, e.RefundFound, attempt=refund.attempt, credits=refund.credits)
        elif charged:
            _decide(ledger, barrier, e.RefundMissing, attempt=refund.attempt, credits=refund.credits)
            report.refunds_missing.append(refund.attempt)
    for refund in late(state):
        if verdicts.get(f"late {refund.attempt}") is False:
            _decide(ledger, barrier, e.RefundFound, attempt=refund.attempt, credits=refund.credits)
            report.refunded.append(refund.attempt)


def _decide(ledger: Ledger, barrier: int, kind: Callable[..., e.Entry], **fields: object) -> None:
    """Write a verdict, but only while nothing was bought since the barrier."""

    def decide(state: LedgerState) -> e.Entry:
        if state.barrier != barrier or state.last_intent > barrier:
            raise LedgerError(
                "the barrier ended before the balance was compared: nothing more was decided",
                next_step="reconcile again",
                key=ledger.account,
            )
        return kind(at=now(), by=owner.current(), **fields)

    ledger.log.append(decide)
