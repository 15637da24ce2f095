"""Submit: the one step that costs money."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longtake.prefect.sessions import label_of, session_of
from longtake.prefect.step_task import step_task
from longtake.studio import clips

if TYPE_CHECKING:
    from longtake.blocks import ArtifactStore, ReapiCredentials
    from longtake.studio import ClipRequest, Submission


@step_task("submit", run_name=lambda: label_of("request", "submit"))
async def submit(
    request: ClipRequest,
    *,
    credentials: ReapiCredentials | None = None,
    store: ArtifactStore | None = None,
    budget: int | None = None,
) -> Submission:
    """Buy a clip with exactly one POST, or find its attempt or its take. Called twice it buys once: the ledger decides.

    Args:
        request: what `upload` gave.
        credentials: the account that pays; its environment variables, if left out.
        store: where its ledger is; LONGTAKE_STORE, if left out.
        budget: credits that all purchases of this flow run may cost; None for no limit.

    Raises:
        PreflightError: this machine could not use what it would buy; nothing was sent.
        InDoubtError: this or an earlier attempt may have been charged; nothing is sent until that is settled.
        BudgetError, NoCreditsError, KeyRefusedError, RefusedError, RateLimitedError, NotSentError: nothing was charged.
    """
    async with session_of(credentials, store, film=request.film, budget=budget) as session:
        return await clips.submit(session, request)
