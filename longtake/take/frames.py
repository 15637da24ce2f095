"""The frame a shot starts from: the provider's own URL while it lives, our kept copy's after.

The provider's URLs are remembered in memory only. For a take kept by an earlier run its task is asked again, which is free.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from longtake.errors import RefusedError, TransientError, UrlRefusedError
from longtake.take import objects
from longtake.take.hosting import HANDED_ON, Handed, can_hand_on, can_host, of

if TYPE_CHECKING:
    from longtake.errors import LongtakeError
    from longtake.record import Frame, Take
    from longtake.take.session import Session

__all__ = ["frame_url"]

_log = logging.getLogger("longtake.take")

_FRESH = 600
"""Seconds for which a look at a URL of the provider is believed."""


async def frame_url(
    session: Session, frame: Frame, *, source: Take | None = None, name: str, anew: bool = False
) -> str:
    """Where the provider can read a frame; what it raises is what `objects.url_of` does.

    Args:
        session: the run's.
        frame: the frame, kept in the store.
        source: the kept take whose last frame it is, where it is one.
        name: what a person calls it.
        anew: the provider could not read the URL before: it gets another one, and not its own.
    """
    if anew and await asyncio.to_thread(can_host, session):
        of(session).frames[frame.sha256] = Handed(None, time.time(), asked=True)
    url = None if anew or frame.source != "provider" else await _handed_on(session, frame, source)
    return url or await objects.url_of(session, frame.key, name=name, anew=anew)


async def _handed_on(session: Session, frame: Frame, source: Take | None) -> str | None:
    """The provider's own URL of a frame, if it has one that lives and serves as many bytes as we keep."""
    known = of(session).frames
    async with of(session).locks[f"frame {frame.sha256}"]:
        handed = known.get(frame.sha256)
        if handed is not None and await _lives(session, frame, handed):
            return handed.url
        if source is None or source.last_frame.sha256 != frame.sha256 or not can_hand_on(session, source):
            return None
        if handed is not None and handed.asked:
            return None
        handed = known[frame.sha256] = Handed(await _asked(session, source), source.kept_at.timestamp(), asked=True)
        return handed.url if await _lives(session, frame, handed) else None


async def _asked(session: Session, source: Take) -> str | None:
    try:
        return (await session.provider.poll(source.task_id)).last_frame_url
    except (RefusedError, TransientError) as error:
        await _unless_it_passes(session, error)
        _log.info("the last frame of task %s cannot be asked for (%s)", source.task_id, type(error).__name__)
        return None


async def _lives(session: Session, frame: Frame, handed: Handed) -> bool:
    if handed.url is None or time.time() - handed.since >= HANDED_ON:
        return False
    if time.time() - handed.seen < _FRESH:
        return True
    kept = await asyncio.to_thread(session.store.head, frame.key)
    try:
        await session.provider.check_readable(handed.url, digest_bytes=kept.size if kept else None, head=False)
    except (UrlRefusedError, TransientError) as error:
        await _unless_it_passes(session, error)
        # Without the error's words: they hold a URL of the provider.
        _log.info("the provider does not serve the frame %.12s any more (%s)", frame.sha256, type(error).__name__)
        handed.url = None
        return False
    handed.seen = time.time()
    return True


async def _unless_it_passes(session: Session, error: LongtakeError) -> None:
    """Without a copy that others can read, a failure that may pass is not the end of the provider's URL."""
    if isinstance(error, TransientError) and not await asyncio.to_thread(can_host, session):
        raise error
