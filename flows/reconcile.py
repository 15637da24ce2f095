"""The flow `reconcile`: settle attempts in doubt by the balance, on a schedule or by hand."""

from dataclasses import asdict
from typing import Any

from prefect import flow
from prefect.artifacts import acreate_markdown_artifact

from longtake import reconciliation
from longtake.ledger.reconcile import LONGEST_GENERATION, QUIET
from longtake.prefect import artifacts
from longtake.prefect.config import settings_of
from longtake.prefect.parameters import CredentialsParameter, StoreParameter


@flow(name="reconcile", flow_run_name="reconcile", persist_result=False)
async def reconcile(
    credentials: CredentialsParameter = None,
    store: StoreParameter = None,
    quiet: float = QUIET,
    longest: float = LONGEST_GENERATION,
) -> dict[str, Any]:
    """Settle what the balance can settle, and report what needs a person. Free.

    Args:
        credentials: the account; its environment variables where the worker runs, if left out.
        store: where its ledger is; LONGTAKE_STORE where the worker runs, if left out.
        quiet: seconds to wait where there is a doubt, before the balance is believed.
        longest: seconds after which a charged and lost task can no longer be refunded.
    """
    ledger, report = await reconciliation.run(settings_of(credentials, store), quiet=quiet, longest=longest)
    for attempt in report.needs_person:
        artifacts.event("attempt.in-doubt", film=None, account=ledger.account, attempt=attempt, reason=report.note)
    for attempt in report.refunds_missing:
        artifacts.event("refund.missing", film=None, account=ledger.account, attempt=attempt)
    text = "# Reconciliation\n\n" + "\n".join(f"* {line}" for line in reconciliation.lines(report))
    await artifacts.harmless(acreate_markdown_artifact(text, key="reconcile", description="What the balance settled"))
    return asdict(report)
