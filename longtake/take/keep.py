"""Keeping what was paid for: copy the results at once, check them, write the take down, book the charge."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from longtake import media, record
from longtake.errors import MediaError, ProviderUnavailableError
from longtake.record import Clip, Frame, Take

if TYPE_CHECKING:
    from longtake.ledger import Attempt
    from longtake.provider import Task
    from longtake.take.session import Session
    from longtake.take.upload import Prepared

_log = logging.getLogger("longtake.take")

_CLIP_LIMIT = 2 * 1024**3
_FRAME_LIMIT = 64 * 1024**2


async def keep(session: Session, prepared: Prepared, attempt: Attempt, task: Task) -> Take:
    """Copy the clip and its last frame into the store, then the record, then settle.

    The bytes go into the store before anything that may fail, so that a result is not lost for a check that a person would waive.

    Raises:
        MediaError: the provider's bytes are not the clip that was asked for; it names where they lie.
        ProviderUnavailableError, StoreError: run again: the task is polled and fetched, not bought again.
    """
    identity = prepared.identity
    shot = identity.wanted.shot
    with tempfile.TemporaryDirectory(prefix="longtake-") as folder:
        path = Path(folder) / "clip.mp4"
        if not task.video_urls:
            raise MediaError(
                f"task {task.id} is completed without a video",
                next_step="run again later; if it stays, ask the provider about this task",
            )
        fetched = await session.provider.fetch(task.video_urls[0], path, limit=_CLIP_LIMIT, kind="video")
        key = f"media/{fetched.sha256}.mp4"
        await asyncio.to_thread(session.store.put_file, key, path, content_type="video/mp4")
        seconds = shot.duration if shot.duration > 0 else None
        try:
            probe = await asyncio.to_thread(
                media.check_clip, path, seconds=seconds, pixels=shot.pixels, audio=shot.generate_audio or None
            )
        except MediaError as error:
            raise MediaError(
                f"{identity.wanted.label}: {error.message}; task {task.id}, kept as {key}", next_step=error.next_step
            ) from error
        frame = await _last_frame(session, task, path, Path(folder) / "last.png")
        clip = Clip(
            key=key,
            sha256=fetched.sha256,
            bytes=fetched.bytes,
            width=probe.width,
            height=probe.height,
            frames=probe.frames,
            seconds=float(probe.seconds),
            audio=probe.audio is not None,
        )
    return await asyncio.to_thread(_write, session, prepared, attempt, clip, frame)


def _write(session: Session, prepared: Prepared, attempt: Attempt, clip: Clip, frame: Frame) -> Take:
    identity = prepared.identity
    current = session.book.read().attempts.get(attempt.id) or attempt
    take = record.save(
        session.store,
        Take(
            fingerprint=identity.fingerprint,
            description=identity.description,
            model=identity.wanted.shot.model,
            request=identity.frozen_body(session),
            clip=clip,
            last_frame=frame,
            account=session.book.account,
            attempt=attempt.id,
            task_id=attempt.task_id or "",
            credits=current.charge,
            credits_from="estimate" if current.credits is None else "usage",
            film=session.film,
            shot=identity.wanted.shot.label,
            take=identity.wanted.take,
            kept_at=datetime.now(UTC),
        ),
    )
    session.book.settled(attempt, clip=take.clip.sha256)
    return take


async def _last_frame(session: Session, task: Task, clip: Path, path: Path) -> Frame:
    """The provider's last frame when it gave one, else the clip's own: a chain never waits for a missing URL."""
    source = "clip"
    if task.last_frame_url is not None:
        try:
            await session.provider.fetch(task.last_frame_url, path, limit=_FRAME_LIMIT, kind="image")
            await asyncio.to_thread(media.check_image, path)
            source = "provider"
        except (MediaError, ProviderUnavailableError) as error:
            _log.warning("last frame of task %s not usable, taking it from the clip: %s", task.id, error.message)
    if source == "clip":
        await asyncio.to_thread(media.last_frame, clip, path)
    digest = await asyncio.to_thread(lambda: hashlib.sha256(path.read_bytes()).hexdigest())
    key = f"media/{digest}.png"
    await asyncio.to_thread(session.store.put_file, key, path, content_type="image/png")
    return Frame(key=key, sha256=digest, source="provider" if source == "provider" else "clip")
