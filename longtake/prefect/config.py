"""Where a flow gets its settings and its storyboard from: blocks by name, else the environment."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from prefect.runtime import deployment

from longtake import settings as env
from longtake import storyboard
from longtake.errors import SettingsError

if TYPE_CHECKING:
    from longtake.blocks import ArtifactStore, ReapiCredentials
    from longtake.settings import S3Settings, Settings
    from longtake.storyboard import Loaded


async def settings_of(credentials: str | None, store: str | None) -> Settings:
    """The settings of a run. Block names travel as parameters, never what the blocks hold.

    Raises:
        SettingsError: a setting is unusable; in a deployment also a store at a relative path, because a worker may run each
            flow in a folder of its own that goes away with it, and with it what was paid for.
    """
    found = env.from_environment()
    if credentials is not None or store is not None:
        # With prefect-aws installed this takes a second more, which only runs with blocks pay.
        from longtake.blocks import ArtifactStore, ReapiCredentials
    if credentials is not None:
        found = cast("ReapiCredentials", await ReapiCredentials.aload(credentials)).settings(found)
    if store is not None:
        found = cast("ArtifactStore", await ArtifactStore.aload(store)).settings(found)
    if deployment.id is not None and _relative(found.store):
        raise SettingsError(
            f"the store {found.store} of this deployment is a relative path, which may end with the run",
            next_step="name an ArtifactStore block in the parameter `store`, or set LONGTAKE_STORE to file:///… or s3://…",
        )
    return found


def _relative(store: str) -> bool:
    return "://" not in store and not Path(store).expanduser().is_absolute()


async def load_board(board: str | dict[str, Any], *, s3: S3Settings | None = None) -> Loaded:
    """A storyboard given inline, as a path, an http(s) URL, or as `s3://bucket/key`, which is read as the run's store is.

    Raises:
        StoryboardError: with every problem in it.
        StoreError: the object cannot be read.
    """
    return await storyboard.aload_any(board, s3=s3)
