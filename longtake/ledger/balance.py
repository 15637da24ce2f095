"""Read the provider's balance and compare it with the ledger."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from longtake.errors import UnknownTaskError
from longtake.ledger import entries as e
from longtake.ledger import owner
from longtake.ledger.balance_proof import certain
from longtake.ledger.ledger import Ledger, now

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from longtake.ledger.attempt import Attempt
    from longtake.ledger.readings import Refund
    from longtake.ledger.state import LedgerState

_READINGS = 5

OTHERS = (
    "another ledger of this key has something open, or has moved the balance since it was last compared with this one: "
    "the balance cannot tell about doubts and refunds"
)


class PolledTask(Protocol):
    """What a poll tells (`longtake.provider.ProviderTask`)."""

    @property
    def status(self) -> str: ...  # noqa: D102
    @property
    def credits(self) -> int | None: ...  # noqa: D102
    @property
    def error_code(self) -> int | None: ...  # noqa: D102
    @property
    def error_message(self) -> str | None: ...  # noqa: D102


class BalanceSource(Protocol):
    """What reconciliation asks of the provider; both calls are free."""

    async def poll(self, task_id: str) -> PolledTask: ...  # noqa: D102
    async def balance(self) -> int | None: ...  # noqa: D102


@dataclass(slots=True)
class ReconcileReport:
    """What a reconciliation saw and decided. Credits; `drift` is balance − expected with the doubts taken as not charged."""

    balance: int | None = None
    expected: int | None = None
    drift: int | None = None
    unexplained: int = 0
    """What of the drift neither doubts nor missing refunds explain."""
    since: str | None = None
    """The last time balance and log agreed."""
    not_charged: list[str] = field(default_factory=list)
    refunded: list[str] = field(default_factory=list)
    held: list[str] = field(default_factory=list)
    """Certainly charged: waiting for a refund until `ask_after`, then for a person."""
    undecided: list[str] = field(default_factory=list)
    needs_person: list[str] = field(default_factory=list)
    refunds_missing: list[str] = field(default_factory=list)
    note: str = ""

    def leave(self, doubts: Iterable[Attempt], note: str) -> None:
        """Leave doubts to a person."""
        self.undecided = [attempt.id for attempt in doubts]
        self.needs_person = list(self.undecided)
        self.note = note

    @property
    def in_doubt(self) -> list[str]:
        """The attempts that are still in doubt."""
        return [*self.held, *self.undecided]


async def poll_known(ledger: Ledger, teller: BalanceSource, retryable: Callable[[Any], bool]) -> None:
    """Ask once for every task that was accepted and not seen to end, also of other runs, and write down what ended.

    Raises:
        ProviderUnavailableError, RateLimitedError: the provider does not answer.
    """
    state = await asyncio.to_thread(ledger.read)
    for attempt in state.attempts.values():
        if attempt.phase == "failed":
            await asyncio.to_thread(
                ledger.failed, attempt, code=attempt.code, message=attempt.reason, retryable=attempt.retryable
            )
        elif attempt.phase == "accepted":
            await ask(ledger, teller, attempt, retryable)


async def ask(ledger: Ledger, teller: BalanceSource, attempt: Attempt, retryable: Callable[[Any], bool]) -> None:
    """Ask once for the task of an accepted attempt, also of another run, and write down whether it ended.

    Raises:
        ProviderUnavailableError, RateLimitedError: the provider does not answer.
    """
    try:
        task = await teller.poll(attempt.task_id or "")
    except UnknownTaskError:
        return
    if task.status == "completed":
        await asyncio.to_thread(ledger.completed, attempt, task.credits)
    elif task.status == "failed":
        await asyncio.to_thread(
            ledger.failed,
            attempt,
            code=task.error_code,
            message=task.error_message or "",
            retryable=retryable(task),
        )


async def check_balance(ledger: Ledger, teller: BalanceSource) -> ReconcileReport | None:
    """Compare the balance with the log if nothing is under way, and write the comparison down.

    Returns:
        None when something was under way, a doubt is open or the provider offers no balance: then nothing is certain.
    """
    for _ in range(_READINGS):
        state = await asyncio.to_thread(ledger.read)
        if any(a.phase != "completed" for a in state.attempts.values()):
            return None
        # A reading that may prove or miss a refund looks again for ledgers that an earlier release made meanwhile.
        others = await asyncio.to_thread(ledger.others.heads, again=bool(state.unproven or state.missing))
        balance = await teller.balance()
        if balance is None:
            return None
        if await asyncio.to_thread(ledger.others.heads) != others:
            continue
        if await asyncio.to_thread(write_balance, ledger, state.head, balance, others):
            alone = state.checked is None or state.checked.still(others)
            return await asyncio.to_thread(_summary, ledger, balance, alone=alone)
    return None


def write_balance(ledger: Ledger, head: int, balance: int, others: dict[str, int] | None) -> bool:
    """Write a reading down if the log has not moved since; says whether it did. `others`: as `OtherLedgers.heads` says."""
    stale: list[bool] = []

    def decide(state: LedgerState) -> e.Entry | None:
        stale[:] = [state.head != head]
        if stale[0]:
            return None
        return e.Balance(at=now(), by=owner.current(), balance=balance, expected=state.expected_balance, others=others)

    ledger.log.append(decide)
    return not stale[0]


def _summary(ledger: Ledger, balance: int, *, alone: bool) -> ReconcileReport:
    """What a quiet reading tells, with refunds that are certainly missing written down.

    None is certain unless `alone`: what another ledger of the key moved may be what is off.
    """
    state = ledger.read()
    report = ReconcileReport(balance=balance, expected=state.expected_balance, since=since(state))
    report.drift = state.checked.drift if state.checked else None
    if not report.drift:
        return report
    if not alone:
        report.unexplained, report.note = report.drift, OTHERS
        return report
    kind: type[e.RefundMissing | e.RefundFound] = e.RefundMissing if report.drift < 0 else e.RefundFound
    refunds, found = (
        ([one for one in state.unproven if not one.unopened], report.refunds_missing)
        if report.drift < 0
        else (late(state), report.refunded)
    )
    verdicts = certain({r.attempt: r.credits for r in refunds}, abs(report.drift)) or {}
    for refund in refunds:
        if verdicts.get(refund.attempt):
            entry = kind(at=now(), by=owner.current(), attempt=refund.attempt, credits=refund.credits)
            ledger.log.append(lambda _, entry=entry: entry)  # type: ignore[misc]
            found.append(refund.attempt)
    report.unexplained = 0 if found else report.drift
    return report


def late(state: LedgerState) -> list[Refund]:
    """Refunds that may still arrive: missing ones, and those that the first reading took for paid."""
    return [*state.missing, *(one for one in state.unproven if one.unopened)]


def since(state: LedgerState) -> str | None:
    """When balance and ledger last agreed, for people."""
    return f"{state.agreed.at:%Y-%m-%d %H:%M:%S} UTC" if state.agreed else None
