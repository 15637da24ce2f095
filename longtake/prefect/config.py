"""Where a flow gets its settings and its storyboard from: blocks by name, else the environment."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import httpx
from prefect.runtime import deployment

from longtake import settings as env
from longtake import store as stores
from longtake import storyboard
from longtake.errors import SettingsError, StoryboardError
from longtake.provider import hosts
from longtake.provider.pools import quieten_httpx

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
    if isinstance(board, dict):
        return storyboard.draft_text(json.dumps(board, indent=1), name="(inline)", base=Path.cwd())
    if board.startswith("s3://"):
        bucket, _, key = board.removeprefix("s3://").partition("/")
        data = await asyncio.to_thread(lambda: stores.open(f"s3://{bucket}", s3=s3).get(key))
        if data is None:
            raise StoryboardError(f"{board} is not there", next_step="check the bucket and the key", source=board)
        return storyboard.draft_text(data.decode("utf-8", "replace"), name=board, base=Path.cwd())
    if board.startswith(("http://", "https://")):
        # A password or a signature in it is nobody's to see.
        name = hosts.shown(board)
        return storyboard.draft_text(await _served(board, name), name=name, base=Path.cwd())
    return storyboard.draft(board.removeprefix("file://"))


async def _served(url: str, name: str) -> str:
    """The text a URL serves, up to one byte more than a storyboard may have."""
    text = bytearray()
    quieten_httpx()
    try:
        async with (
            httpx.AsyncClient(follow_redirects=True, timeout=30) as client,
            client.stream("GET", url) as answer,
        ):
            async for part in answer.aiter_bytes():
                text += part
                if answer.status_code != httpx.codes.OK or len(text) > storyboard.LARGEST:
                    break
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise StoryboardError(
            f"{name} cannot be read: {type(error).__name__}", next_step="check the URL and run again", source=name
        ) from None
    if answer.status_code != httpx.codes.OK:
        raise StoryboardError(
            f"{name} answered {answer.status_code}",
            next_step="check the URL, and its signature if it has one",
            source=name,
        )
    return text.decode("utf-8", "replace")
