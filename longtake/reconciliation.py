"""Reconciling with the settings of a shell or of blocks, for the command and the flow alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longtake import store as stores
from longtake.ledger.reconcile import LONGEST_GENERATION, QUIET, reconcile
from longtake.provider import Provider, failure
from longtake.take import ledger_of

if TYPE_CHECKING:
    from longtake.ledger import Ledger, ReconcileReport
    from longtake.settings import Settings


async def run(
    settings: Settings, *, quiet: float = QUIET, longest: float = LONGEST_GENERATION
) -> tuple[Ledger, ReconcileReport]:
    """Open the account, reconcile it, close it.

    Raises:
        LedgerError: another reconciliation is under way.
        ProviderUnavailableError, RateLimitedError: the provider does not answer; nothing was decided.
        KeyRefusedError, SettingsError, StoreError: the surroundings are unusable.
    """
    ledger = ledger_of(settings, stores.of(settings))
    async with Provider(base_url=settings.base_url, key=settings.key()) as provider:
        report = await reconcile(
            ledger, provider, retryable=lambda task: failure(task).retryable, quiet=quiet, longest=longest
        )
    return ledger, report


def lines(report: ReconcileReport) -> list[str]:
    """What a reconciliation found, for people."""
    found = []
    if report.balance is not None:
        known = "" if report.expected is None else f", the ledger explains {report.expected}"
        found.append(f"the balance is {report.balance} credits{known}")
    for attempts, words in (
        (report.not_charged, "were not charged and may be bought again"),
        (report.refunded, "were refunded: the credits are in the balance"),
        (report.held, "were charged and their tasks are lost: held until a refund shows or a person decides"),
        (report.undecided, "stay in doubt"),
        (report.refunds_missing, "were to be refunded and the refund is missing"),
    ):
        if attempts:
            found.append(f"{', '.join(attempts)}: {words}")
    if report.unexplained:
        since = f" since {report.since}" if report.since else ""
        found.append(f"{report.unexplained:+} credits are unexplained{since}")
    if report.note:
        found.append(report.note)
    if report.needs_person:
        found.append(
            f"a person has to decide: `longtake credits resolve {report.needs_person[0]} "
            f"--adopt TASK_ID | --not-charged | --write-off`"
        )
    return found or ["nothing was in doubt"]
