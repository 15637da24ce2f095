"""The last frame of a finished task: what a shot that continues it starts from, long before its clip is fetched and checked."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from longtake import library, media
from longtake import store as stores
from longtake.assets.assets import remember_frame
from longtake.errors import MediaError, ProviderUnavailableError
from longtake.library import Frame

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine

    from longtake.assets.assets import Assets
    from longtake.ledger import Attempt
    from longtake.provider import ProviderTask

__all__ = ["last_frame", "meanwhile", "own_frame", "put_frame"]

_log = logging.getLogger("longtake.take")

_Result = TypeVar("_Result")

_LIMIT = 64 * 1024**2


async def last_frame(assets: Assets, attempt: Attempt, task: ProviderTask) -> Frame | None:
    """The last frame that was recorded for an attempt, or the provider's, which is recorded now.

    None where nothing is recorded and the provider gave no frame that can be used. It does not matter whether a shot of this film
    starts from it: one of another film may, and may have been bought already.

    Args:
        assets: the run's.
        attempt: the finished attempt.
        task: what the provider gave.

    Raises:
        StoreError: the store is away.
    """
    async with meanwhile(_provided(assets, task)) as provided:
        frame = await asyncio.to_thread(library.read_last_frame, assets.store, assets.account, attempt)
        if frame is not None:
            remember_frame(assets, frame, task.last_frame_url)
            return frame
        found = await provided
    return found and await _recorded(assets, attempt, found)


async def own_frame(assets: Assets, attempt: Attempt, clip: Path) -> Frame:
    """The clip's own last frame, for a chain that would wait in vain for the provider's. Arguments are those of `last_frame`.

    Raises:
        MediaError: the clip cannot be decoded.
        StoreError: the store is away.
    """

    def work() -> Frame:
        with stores.temporary_folder() as folder:
            path = folder / "last.png"
            media.last_frame(clip, path)
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            key = put_frame(assets, digest, path)
        return Frame(key=key, sha256=digest, source="clip")

    return await _recorded(assets, attempt, await asyncio.to_thread(work))


def put_frame(assets: Assets, digest: str, path: Path) -> str:
    """Put a PNG into the store and return its key."""
    key = f"media/{digest}.png"
    assets.store.put_file(key, path, content_type="image/png")
    return key


@contextlib.asynccontextmanager
async def meanwhile(work: Coroutine[Any, Any, _Result]) -> AsyncIterator[asyncio.Task[_Result]]:
    """Do something while the body runs; it has ended when the body has."""
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait({task})
        if not task.cancelled():
            task.exception()  # where the body failed, its error is the one that is raised


async def _recorded(assets: Assets, attempt: Attempt, frame: Frame) -> Frame:
    # Another run may have recorded another frame, and a take may have been bought that starts from it: the first record counts.
    return await asyncio.to_thread(library.record_last_frame, assets.store, assets.account, attempt, frame) or frame


async def _provided(assets: Assets, task: ProviderTask) -> Frame | None:
    """Store the provider's last frame, if it gave a usable one."""
    if task.last_frame_url is None:
        return None
    with tempfile.TemporaryDirectory(prefix="longtake-") as folder:
        path = Path(folder) / "last.png"
        try:
            fetched = await assets.provider.fetch(task.last_frame_url, path, limit=_LIMIT, kind="image")
            await asyncio.to_thread(_check, path)
        except (MediaError, ProviderUnavailableError) as error:
            _log.warning("last frame of task %s not usable, taking it from the clip: %s", task.id, error.message)
            return None
        key = await asyncio.to_thread(put_frame, assets, fetched.sha256, path)
    frame = Frame(key=key, sha256=fetched.sha256, source="provider")
    remember_frame(assets, frame, task.last_frame_url, seen=True)
    return frame


def _check(path: Path) -> None:
    if not media.is_whole_png(path):
        media.check_image(path)
