"""The flow `reconcile`: settle doubts by the balance, on a schedule or by hand."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from prefect import flow
from prefect.artifacts import acreate_markdown_artifact

from longtake import reconciliation
from longtake.ledger.reconcile import LONGEST_GENERATION, QUIET
from longtake.prefect import artifacts
from longtake.prefect.config import settings_of


@flow(name="reconcile", flow_run_name="reconcile", persist_result=False)
async def reconcile(
    credentials: str | None = None,
    store: str | None = None,
    quiet: float = QUIET,
    longest: float = LONGEST_GENERATION,
) -> dict[str, Any]:
    """Settle what the balance can settle, and say what needs a person.

    Args:
        credentials: name of a ReapiCredentials block; without it LONGTAKE_API_KEY and its siblings.
        store: name of an ArtifactStore block; without it LONGTAKE_STORE.
        quiet: seconds after the newest doubt before the balance is believed.
        longest: seconds after which a charged and lost task can no longer be refunded.
    """
    settings = await settings_of(credentials, store)
    book, report = await reconciliation.run(settings, quiet=quiet, longest=longest)
    for attempt in report.needs_person:
        artifacts.event("attempt.in-doubt", film=None, account=book.account, attempt=attempt, reason=report.note)
    for attempt in report.refunds_missing:
        artifacts.event("refund.missing", film=None, account=book.account, attempt=attempt)
    text = "# Reconciliation\n\n" + "\n".join(f"* {line}" for line in reconciliation.lines(report))
    await artifacts.harmless(acreate_markdown_artifact(text, key="reconcile", description="What the balance settled"))
    return asdict(report)
