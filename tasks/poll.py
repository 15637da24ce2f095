"""Poll: wait for the provider in one loop inside one task run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longtake.prefect.sessions import label_of, session_of
from longtake.prefect.step_task import step_task
from longtake.studio import clips

if TYPE_CHECKING:
    from longtake.blocks import ArtifactStore, ReapiCredentials
    from longtake.studio import FinishedTask, Submission


@step_task("poll", run_name=lambda: label_of("purchase", "poll"))
async def poll(
    purchase: Submission, *, credentials: ReapiCredentials | None = None, store: ArtifactStore | None = None
) -> FinishedTask:
    """Wait until the provider has made a clip; polling is free.

    Args:
        purchase: what `submit` gave.
        credentials: the account; its environment variables, if left out.
        store: where its ledger is; LONGTAKE_STORE, if left out.

    Raises:
        TaskFailedError: the provider failed and refunds; `retryable` says whether submitting again may help.
        PollTimeoutError, ProviderUnavailableError, StoreError: poll again later; the id is in the ledger.
    """
    async with session_of(credentials, store, film=purchase.request.film) as session:
        return await clips.poll(session, purchase)
