"""Settling doubts by the balance: barrier, quiet, poll, compare.

The provider lists nothing, so a POST whose answer was lost can only be seen in the balance. While a barrier stands no intent is
written; once every open POST has an outcome, every known task has been asked for and two readings agree, what the log
explains and what the balance says can be compared to the credit. Only what is certain is decided, and a doubt is never resolved in
favor of spending.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from longtake.errors import LedgerError, ProviderUnavailableError
from longtake.ledger import entries as e
from longtake.ledger import owner
from longtake.ledger.balance import OTHERS, BalanceSource, ReconcileReport, late, poll_known, since, write_balance
from longtake.ledger.balance_proof import certain
from longtake.ledger.ledger import Ledger, now
from longtake.ledger.verdicts import charges, judge, judge_refunds

if TYPE_CHECKING:
    from collections.abc import Callable

    from longtake.ledger.state import LedgerState

QUIET = 180.0
"""Seconds after a doubt before its charge must have shown: the longest POST, and a minute for one that was about to start."""

LONGEST_GENERATION = 3600.0
"""Seconds after which a lost task has certainly ended and its refund, if any, has come."""

_READINGS = 5
_LOOK_AGAIN = 0.5


async def reconcile(
    ledger: Ledger,
    teller: BalanceSource,
    *,
    retryable: Callable[[Any], bool],
    quiet: float = QUIET,
    longest: float = LONGEST_GENERATION,
) -> ReconcileReport:
    """Settle what can be settled.

    Args:
        ledger: the account's ledger.
        teller: the provider.
        retryable: whether a failed task allows another attempt (provider-contract.md §3).
        quiet: seconds to let pass before the balance is believed, wherever there is a doubt.
        longest: seconds after which a charged, lost task can no longer be refunded.

    Raises:
        LedgerError: another reconciliation is under way.
        ProviderUnavailableError: the provider does not answer; nothing was decided.
        StoreError: the store is away.
    """
    barrier = await asyncio.to_thread(_raise_barrier, ledger, quiet)
    try:
        await _outcomes(ledger)
        await _wait_quiet(ledger, quiet)
        state, balance, others = await _reading(ledger, teller, retryable)
        if balance is None:
            return _unoffered(state)
        if state.checked is not None and not state.checked.still(others):
            return await asyncio.to_thread(_unclear, ledger, state, balance, others)
        report = _compare(ledger, state, balance, barrier, longest, others=others)
        return await asyncio.to_thread(report)
    finally:
        await asyncio.shield(asyncio.to_thread(_lift, ledger, barrier))


# -- the steps -----------------------------------------------------------------------------------------------------------


def _raise_barrier(ledger: Ledger, quiet: float) -> int:
    def decide(state: LedgerState) -> e.Entry:
        at = now()
        if state.barred(at):
            raise LedgerError(
                f"another reconciliation of {ledger.account} is under way until {state.barrier_until:%H:%M:%S} UTC",
                next_step="wait for it, or run again after that time",
                key=ledger.account,
            )
        return e.Barrier(at=at, by=owner.current(), until=at + timedelta(seconds=quiet + 300))

    sequence = ledger.log.append(decide)
    assert sequence is not None  # noqa: S101 - decide never returns None
    return sequence


def _lift(ledger: Ledger, barrier: int) -> None:
    ledger.log.append(
        lambda s: e.Lifted(at=now(), by=owner.current(), barrier=barrier) if s.barrier == barrier else None
    )


async def _outcomes(ledger: Ledger) -> None:
    """Let open POSTs finish; intents of processes that ended become doubts."""
    while await asyncio.to_thread(ledger.put_abandoned_in_doubt):  # noqa: ASYNC110 - what is waited for happens in other processes
        await asyncio.sleep(_LOOK_AGAIN)


async def _wait_quiet(ledger: Ledger, quiet: float) -> None:
    """Let the POSTs of all doubts end, by this process's own clock.

    The times in the log are no measure: they are other machines' clocks, and a doubt that looks old may be of this minute.
    """
    if any(a.phase == "in_doubt" for a in (await asyncio.to_thread(ledger.read)).doubts()):
        await asyncio.sleep(quiet)


async def _reading(
    ledger: Ledger, teller: BalanceSource, retryable: Callable[[Any], bool]
) -> tuple[LedgerState, int | None, dict[str, int] | None]:
    """Poll, read the balance, poll again: until no task changed around the reading, nor another ledger of the key."""
    for _ in range(_READINGS):
        await poll_known(ledger, teller, retryable)
        before = await asyncio.to_thread(ledger.read)
        others = await asyncio.to_thread(ledger.others.heads, again=True)
        balance = await teller.balance()
        await poll_known(ledger, teller, retryable)
        after = await asyncio.to_thread(ledger.read)
        if after.head == before.head and await asyncio.to_thread(ledger.others.heads) == others:
            return after, balance, others
    raise ProviderUnavailableError(
        "tasks kept changing while the balance was read",
        next_step="reconcile again when fewer tasks are in progress",
        retry_after=None,
    )


def _unoffered(state: LedgerState) -> ReconcileReport:
    report = ReconcileReport()
    report.leave(state.doubts(), "the provider offers no balance: a person has to settle doubts")
    return report


def _unclear(ledger: Ledger, state: LedgerState, balance: int, others: dict[str, int] | None) -> ReconcileReport:
    """Report without deciding: another ledger of the key may have moved the balance."""
    expected = state.expected_balance
    drift = balance - expected if expected is not None else 0
    doubts = state.doubts()
    if not doubts and not state.at_work():
        write_balance(ledger, state.head, balance, others)
    report = ReconcileReport(balance, expected, drift, unexplained=drift, since=since(state))
    report.leave(doubts, OTHERS if doubts or drift or state.unproven or state.missing else "")
    return report


def _compare(
    ledger: Ledger,
    state: LedgerState,
    balance: int,
    barrier: int,
    longest: float,
    *,
    others: dict[str, int] | None,
) -> Callable[[], ReconcileReport]:
    def work() -> ReconcileReport:
        doubts = state.doubts()
        expected = state.expected_balance
        report = ReconcileReport(balance=balance, expected=expected, since=since(state))
        if expected is None:
            report.leave(doubts, "the account has no opening balance: a person has to settle these doubts")
            if all(a.phase == "completed" for a in state.attempts.values()):
                write_balance(ledger, state.head, balance, others)
            return report
        report.drift = balance - expected
        if doubts and (state.blind or state.lost):
            report.leave(
                doubts,
                "an entry of the ledger is lost and may have moved money: the balance cannot tell about these doubts",
            )
            return report
        if doubts and state.offset:
            report.unexplained = report.drift
            report.leave(
                doubts,
                f"the balance was {state.offset:+} credits off before these doubts, so it cannot tell about them: explain that "
                f"first (`longtake credits adjust`), then reconcile again",
            )
            return report
        # A refund comes before any poll can show `failed`: the debit of a task under way may be back already, so it is one
        # more amount that is missing or not.
        under_way = [a for a in state.attempts.values() if a.phase == "accepted"]
        amounts = {a.id: charges(a) for a in [*doubts, *under_way]}
        amounts |= {f"refund {r.attempt}": r.credits for r in state.unproven if not r.unopened}
        # A refund written down as missing may have come since the last reading: it is still missing or not, too.
        amounts |= {f"late {r.attempt}": r.credits for r in late(state)}
        gone = sum(a.order.reserve for a in under_way) + sum(r.credits for r in late(state))
        verdicts = certain(amounts, gone - report.drift)
        if verdicts is None:
            report.unexplained = report.drift
            report.leave(
                doubts,
                f"the balance is {report.drift:+} credits off and no set of doubts explains it: the key is used elsewhere, "
                f"credits were bought, or a price is wrong",
            )
            if not doubts and not under_way:
                write_balance(ledger, state.head, balance, others)
            return report
        for attempt in doubts:
            judge(ledger, attempt, charged=verdicts.get(attempt.id), barrier=barrier, longest=longest, report=report)
        judge_refunds(ledger, state, verdicts, barrier=barrier, report=report)
        if report.undecided and not under_way:
            may = [f"{a.id} was charged" for a in doubts if a.id in report.undecided]
            may += [
                f"the refund of {r.attempt} is missing"
                for r in state.unproven
                if not r.unopened and f"refund {r.attempt}" not in verdicts
            ]
            report.note = f"{-report.drift} credits are missing, and more than one thing explains it: {'; '.join(may)}"
        if report.undecided and under_way:
            report.needs_person = [a for a in report.needs_person if a not in report.undecided]
            report.note = f"{len(under_way)} tasks are under way: more is certain when they have ended"
        settled = ledger.read()
        if not settled.doubts() and not under_way:
            write_balance(ledger, settled.head, balance, others)
        return report

    return work
