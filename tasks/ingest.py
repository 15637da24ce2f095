"""Ingest: a finished clip into the store, checked and settled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longtake.prefect.sessions import label_of, session_of
from longtake.prefect.step_task import step_task
from longtake.studio import clips

if TYPE_CHECKING:
    from longtake.blocks import ArtifactStore, ReapiCredentials
    from longtake.library import Take
    from longtake.studio import FinishedTask


@step_task("ingest", run_name=lambda: label_of("generation", "ingest"))
async def ingest(
    generation: FinishedTask, *, credentials: ReapiCredentials | None = None, store: ArtifactStore | None = None
) -> Take:
    """Fetch and store a finished clip before its URLs expire, check it, and settle its charge.

    Args:
        generation: what `poll` gave.
        credentials: the account; its environment variables, if left out.
        store: where the clip is kept; LONGTAKE_STORE, if left out.

    Raises:
        MediaError: the provider's bytes are not a clip; it names where they are kept.
        ProviderUnavailableError, StoreError: tried again by Prefect.
    """
    async with session_of(credentials, store, film=generation.purchase.request.film) as session:
        return await clips.ingest(session, generation)
