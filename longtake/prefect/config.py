"""The settings of a run in Prefect: blocks, and the worker's environment where a block is left out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from prefect.runtime import deployment

from longtake import settings as env
from longtake.errors import SettingsError

if TYPE_CHECKING:
    from longtake.blocks import ArtifactStore, ReapiCredentials
    from longtake.settings import Settings


def settings_of(credentials: ReapiCredentials | None, store: ArtifactStore | None) -> Settings:
    """Return the settings of a run.

    Raises:
        SettingsError: a setting is unusable; in a deployment also a store at a relative path, because a worker may run each
            flow in a temporary folder and remove it, with everything that was paid for.
    """
    found = env.from_environment()
    if credentials is not None:
        found = credentials.settings(found)
    if store is not None:
        found = store.settings(found)
    if deployment.id is not None and "://" not in found.store and not Path(found.store).expanduser().is_absolute():
        raise SettingsError(
            f"the store {found.store} of this deployment is a relative path, which may end with the run",
            next_step="give an ArtifactStore block as `store`, or set LONGTAKE_STORE to file:///… or s3://…",
        )
    return found
