"""The frame a shot starts from: the provider's own URL while it lives, our kept copy's after.

The provider's URLs are remembered in memory only. For a take kept by an earlier run its task is asked again, which is free.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from longtake.assets import objects
from longtake.assets.assets import HANDED_ON, can_hand_on, can_host
from longtake.assets.hosting import FrameUrl
from longtake.errors import RefusedError, TransientError, UrlRefusedError

if TYPE_CHECKING:
    from longtake.assets.assets import Assets
    from longtake.errors import LongtakeError
    from longtake.library import Frame, Take

_log = logging.getLogger("longtake.take")

_FRESH = 600
"""Seconds for which a look at a URL of the provider is believed."""


async def frame_url(assets: Assets, frame: Frame, *, source: Take | None = None, name: str, again: bool = False) -> str:
    """Return a URL at which the provider can read a frame; raises what `objects.url_of` does.

    Args:
        assets: the run's.
        frame: the frame, kept in the store.
        source: the kept take whose last frame it is, where it is one.
        name: what a person calls it.
        again: the provider could not read the URL before: it gets another one, and not its own.
    """
    if again and await asyncio.to_thread(can_host, assets):
        assets.hosting.frames[frame.sha256] = FrameUrl(None, time.time(), asked=True)
    url = None if again or frame.source != "provider" else await _handed_on(assets, frame, source)
    return url or await objects.url_of(assets, frame.key, name=name, again=again)


async def _handed_on(assets: Assets, frame: Frame, source: Take | None) -> str | None:
    """The provider's own URL of a frame, if it still works and serves as many bytes as the store holds."""
    known = assets.hosting.frames
    async with assets.hosting.locks[f"frame {frame.sha256}"]:
        handed = known.get(frame.sha256)
        if handed is not None and await _lives(assets, frame, handed):
            return handed.url
        if source is None or source.last_frame.sha256 != frame.sha256 or not can_hand_on(assets, source):
            return None
        if handed is not None and handed.asked:
            return None
        handed = known[frame.sha256] = FrameUrl(await _asked(assets, source), source.kept_at.timestamp(), asked=True)
        return handed.url if await _lives(assets, frame, handed) else None


async def _asked(assets: Assets, source: Take) -> str | None:
    try:
        return (await assets.provider.poll(source.task_id)).last_frame_url
    except (RefusedError, TransientError) as error:
        await _unless_it_passes(assets, error)
        _log.info("the last frame of task %s cannot be requested (%s)", source.task_id, type(error).__name__)
        return None


async def _lives(assets: Assets, frame: Frame, handed: FrameUrl) -> bool:
    if handed.url is None or time.time() - handed.since >= HANDED_ON:
        return False
    if time.time() - handed.seen < _FRESH:
        return True
    kept = await asyncio.to_thread(assets.store.head, frame.key)
    try:
        await assets.provider.check_readable(handed.url, digest_bytes=kept.size if kept else None, head=False)
    except (UrlRefusedError, TransientError) as error:
        await _unless_it_passes(assets, error)
        # Without the error's words: they hold a URL of the provider.
        _log.info("the provider no longer serves the frame %.12s (%s)", frame.sha256, type(error).__name__)
        handed.url = None
        return False
    handed.seen = time.time()
    return True


async def _unless_it_passes(assets: Assets, error: LongtakeError) -> None:
    """Without a copy that others can read, a failure that may pass is not the end of the provider's URL."""
    if isinstance(error, TransientError) and not await asyncio.to_thread(can_host, assets):
        raise error
