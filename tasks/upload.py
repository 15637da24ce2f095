"""Upload: a shot's inputs into the store, readable by the provider."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longtake.prefect.sessions import label_of, session_of
from longtake.prefect.step_task import step_task
from longtake.studio import clips

if TYPE_CHECKING:
    from longtake.blocks import ArtifactStore, ReapiCredentials
    from longtake.library import Take
    from longtake.storyboard import Shot
    from longtake.studio import ClipRequest


@step_task("upload", run_name=lambda: label_of("shot", "upload"))
async def upload(
    shot: Shot,
    *,
    credentials: ReapiCredentials | None = None,
    store: ArtifactStore | None = None,
    model: str | None = None,
    continue_from: Take | None = None,
    take: int = 1,
    film: str = "clips",
) -> ClipRequest:
    """Put a shot's inputs into the store, once per digest, and give the request; costs nothing and may be repeated.

    Args:
        shot: the clip to make.
        credentials: the account; its environment variables, if left out.
        store: where everything is kept; LONGTAKE_STORE, if left out.
        model: the catalog id of the model where the shot names none.
        continue_from: the take whose last frame the clip starts from.
        take: which take of the shot, from 1.
        film: the name that the clip is accounted to.

    Raises:
        StoryboardError: the shot has problems; it holds all of them.
        UrlRefusedError, MediaError: the provider could not read an input.
        ProviderUnavailableError, StoreError: tried again by Prefect.
    """
    async with session_of(credentials, store, film=film) as session:
        return await clips.upload(session, shot, model=model, continue_from=continue_from, take=take)
