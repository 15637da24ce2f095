"""Generate: upload, submit, poll and ingest in one task run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longtake.prefect.sessions import label_of, session_of
from longtake.prefect.step_task import step_task
from longtake.studio import clips

if TYPE_CHECKING:
    from longtake.blocks import ArtifactStore, ReapiCredentials
    from longtake.library import Take
    from longtake.storyboard import Shot


@step_task("submit", name="generate", run_name=lambda: label_of("shot", "generate"))
async def generate(
    shot: Shot,
    *,
    credentials: ReapiCredentials | None = None,
    store: ArtifactStore | None = None,
    model: str | None = None,
    continue_from: Take | None = None,
    take: int = 1,
    film: str = "clips",
    budget: int | None = None,
) -> Take:
    """Make one clip, with new attempts for refunded failures. The same request and take number is bought once.

    Args:
        shot: the clip to make.
        credentials: the account that pays; its environment variables, if left out.
        store: where everything is kept; LONGTAKE_STORE, if left out.
        model: the catalog id of the model where the shot names none.
        continue_from: the take whose last frame the clip starts from.
        take: which take of the shot, from 1.
        film: the name that the clip is accounted to.
        budget: credits that all purchases of this flow run may cost; None for no limit.

    Raises:
        StoryboardError, PreflightError: nothing was sent.
        LongtakeError: what became of the attempt; everything paid for is in the ledger and in the store by then.
    """
    async with session_of(credentials, store, film=film, budget=budget) as session:
        return await clips.generate(session, shot, model=model, continue_from=continue_from, take=take)
