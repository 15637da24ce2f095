"""The fold: what the log says now. Totals are derived from entries, never stored next to them.

::

    intent ─▶ accepted ─▶ completed ─▶ settled
      │          └──────▶ failed ───▶ refunded
      ├─▶ refused | not_sent
      └─▶ in_doubt ─▶ held
            └───┴────▶ accepted (adopted) | not_charged | refunded | written_off

Attempts that closed since the last checkpoint are listed in `closed`; the checkpoints together list all of them.
An entry that does not fit the attempt's state changes nothing: two processes may both report what they saw of a task.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from longtake.ledger import entries as e
from longtake.ledger.attempt import DOUBTS, Attempt, AttemptOutcome, Closed, Phase, day_of
from longtake.ledger.balance_fold import explain, find_refund, miss_refund, read_balance
from longtake.ledger.readings import Refund

if TYPE_CHECKING:
    from datetime import datetime

    from longtake.ledger.purchase import Purchase
    from longtake.ledger.state import LedgerState

CHECKPOINT_EVERY = 64
"""Entries between two checkpoints: the most a reader has to read one by one."""

RUN_MEMORY = timedelta(days=35)
"""A run without open attempts is forgotten (as a budget scope) this after its last entry; one that asks waits up to 30 days."""


def apply(state: LedgerState, sequence: int, entry: e.Entry) -> None:
    """Fold the entry at `sequence` in; entries come in order, without gaps."""
    if sequence != state.head + 1:
        raise AssertionError(f"entry {sequence} after {state.head}")
    if (sequence - 1) % CHECKPOINT_EVERY == 0:
        state.closed = []
    state.head = sequence
    _forget_runs(state, entry.at)
    match entry:
        case e.Intent():
            _intent(state, sequence, entry)
        case e.Barrier():
            state.barrier, state.barrier_until, state.barrier_by = sequence, entry.until, entry.by
        case e.Lifted():
            if entry.barrier == state.barrier:
                state.barrier, state.barrier_until, state.barrier_by = None, None, ""
        case e.Balance():
            read_balance(state, sequence, entry)
        case e.Adjusted():
            state.adjustments += entry.credits
            explain(state, entry.credits)
        case e.Lost():
            _lose(state, sequence, entry)
        case e.RefundMissing():
            miss_refund(state, entry)
        case e.RefundFound():
            find_refund(state, entry)
        case _:
            _transition(state, entry)


def _intent(state: LedgerState, sequence: int, entry: e.Intent) -> None:
    order = entry.order
    attempt = f"a{sequence}"
    state.last_intent = sequence
    state.pace = state.pace.sent(entry.at)
    state.attempts[attempt] = Attempt(
        id=attempt,
        number=entry.number,
        order=order,
        owner=entry.by,
        at=entry.at,
        lease_until=entry.lease_until,
        since=entry.at,
    )
    state.tries[order.fingerprint] = state.tries.get(order.fingerprint, 0) + 1


def _lose(state: LedgerState, sequence: int, entry: e.Lost) -> None:
    """Whatever was open may be what the lost entry was about: a POST without an outcome is in doubt."""
    state.lost, state.blind = [*state.lost, sequence], True
    for known in list(state.attempts.values()):
        if known.phase == "intent":
            attempt = state.attempts[known.id] = known.model_copy()
            attempt.reason = f"entry {sequence} of the ledger is lost, which may have held its outcome"
            _enter(attempt, "in_doubt", entry.at)


def _fill_in(state: LedgerState, attempt: Attempt, entry: e.Entry) -> None:
    """What a later entry says of the lost ones before it: an ended attempt was accepted, a kept one was completed."""
    ended = isinstance(entry, e.Completed | e.Failed | e.Settled) or (
        isinstance(entry, e.Refunded) and entry.proof == "contract"
    )
    if ended and attempt.phase in {"intent", *DOUBTS}:
        state.debits += attempt.order.reserve
        _enter(attempt, "accepted", entry.at)
    if isinstance(entry, e.Settled) and attempt.phase == "accepted":
        attempt.credits = entry.credits
        state.debits += attempt.charge - attempt.order.reserve
        _enter(attempt, "completed", entry.at)
    if isinstance(entry, e.Refunded) and attempt.phase == "accepted":
        _enter(attempt, "failed", entry.at)


def _transition(state: LedgerState, entry: e.Entry) -> None:  # noqa: C901, PLR0912, PLR0915 - one table, read from top to bottom
    attempt = state.attempts.get(entry.attempt)  # type: ignore[union-attr]
    if attempt is None:
        if isinstance(entry, e.Accepted) and entry.order is not None:
            _reopen(state, entry, entry.order)
        if isinstance(entry, e.NotCharged | e.WrittenOff):
            state.lost = [one for one in state.lost if entry.attempt != f"a{one}"]
        return
    attempt = state.attempts[attempt.id] = attempt.model_copy()
    if state.lost:
        _fill_in(state, attempt, entry)
    match entry, attempt.phase:
        case e.Renewed(), "intent":
            attempt.lease_until = entry.lease_until
        case ((e.Accepted() | e.Adopted()), ("intent" | "in_doubt" | "held")):
            attempt.task_id = entry.task_id
            if isinstance(entry, e.Accepted):
                state.pace = state.pace.accepted(intent=attempt.sequence)
            state.debits += attempt.order.reserve
            _enter(attempt, "accepted", entry.at)
        case e.Adopted(), ("accepted" | "completed") if attempt.task_id is None:
            # Its acceptance was lost, and later entries name it: only the id is new.
            attempt.task_id = entry.task_id
        case e.InDoubt(), "intent":
            attempt.reason = entry.reason
            _enter(attempt, "in_doubt", entry.at)
        case e.Held(), "in_doubt":
            attempt.reason = entry.why
            _enter(attempt, "held", entry.at)
        case e.Completed(), "accepted":
            attempt.credits = entry.credits
            state.pace = state.pace.ended()
            state.debits += attempt.charge - attempt.order.reserve
            _enter(attempt, "completed", entry.at)
        case e.Failed(), "accepted":
            attempt.code, attempt.reason, attempt.retryable = entry.code, entry.message, entry.retryable
            state.pace = state.pace.ended()
            _enter(attempt, "failed", entry.at)
        case e.Refunded(), "failed":
            state.refunds += entry.credits
            if entry.proof == "contract":
                state.unproven.append(
                    Refund(
                        attempt=attempt.id,
                        credits=entry.credits,
                        order=attempt.order,
                        day=day_of(attempt.at),
                        sequence=state.head,
                    )
                )
            _close(state, attempt, "refunded", entry.at, charged=attempt.order.reserve, refunded=entry.credits)
        case e.Refunded(), "held":
            # Charged and refunded between two readings: the debit and the refund are both booked, so that the accounts show them.
            state.debits += entry.credits
            state.refunds += entry.credits
            _close(state, attempt, "refunded", entry.at, charged=entry.credits, refunded=entry.credits)
        case e.Settled(), "completed":
            state.debits += entry.credits - attempt.charge
            _close(state, attempt, "settled", entry.at, charged=entry.credits)
        case ((e.Refused() | e.NotSent()), ("intent" | "in_doubt")):
            attempt.reason = entry.message if isinstance(entry, e.Refused) else entry.reason
            if isinstance(entry, e.Refused):
                state.pace = state.pace.refused(state.head, entry, intent=attempt.sequence)
            _close(state, attempt, "refused" if isinstance(entry, e.Refused) else "not_sent", entry.at)
        case e.NotCharged(), ("in_doubt" | "held"):
            attempt.reason = entry.why
            _close(state, attempt, "not_charged", entry.at)
        case e.WrittenOff(), ("in_doubt" | "held" | "accepted" | "completed"):
            if attempt.phase in DOUBTS:
                state.debits += attempt.order.reserve
            attempt.reason = entry.why
            _close(state, attempt, "written_off", entry.at, charged=attempt.money)
        case _:
            pass


def _reopen(state: LedgerState, entry: e.Accepted, order: Purchase) -> None:
    sequence = int(entry.attempt[1:])
    state.attempts[entry.attempt] = Attempt(
        id=entry.attempt,
        number=0,
        order=order,
        owner=entry.by,
        at=entry.at,
        lease_until=entry.at,
        phase="accepted",
        since=entry.at,
        task_id=entry.task_id,
        reason=f"accepted after it had been closed (intent {sequence})",
    )
    state.debits += order.reserve


def _enter(attempt: Attempt, phase: Phase, at: datetime) -> None:
    attempt.phase, attempt.since = phase, at


def _close(
    state: LedgerState, attempt: Attempt, outcome: AttemptOutcome, at: datetime, *, charged: int = 0, refunded: int = 0
) -> None:
    del state.attempts[attempt.id]
    order, spent = attempt.order, charged - refunded
    day = day_of(attempt.at)
    state.closed.append(
        Closed(
            id=attempt.id,
            number=attempt.number,
            order=order,
            day=day,
            outcome=outcome,
            charged=charged,
            refunded=refunded,
            task_id=attempt.task_id,
            reason=attempt.reason,
        )
    )
    if outcome == "settled":
        state.tries.pop(order.fingerprint, None)
    if spent:
        state.spend(order, day, spent, at)


def _forget_runs(state: LedgerState, at: datetime) -> None:
    day = day_of(at)
    if day <= state.today:
        return
    state.today = day
    busy = {a.order.run for a in state.attempts.values()}
    state.runs = {k: r for k, r in state.runs.items() if k in busy or at - r.last < RUN_MEMORY}
