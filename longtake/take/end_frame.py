"""Decisions on shots, recorded before anything is bought for them: a retake, or the end frame that a new take is pinned to.

The end frame is extracted once from the kept clip after the shot, stored, and named in the decision, so that a later run asks for
the same take even with another ffmpeg.
"""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING

from longtake import media
from longtake import store as stores
from longtake.errors import StoreError
from longtake.library import Frame, Revision, write_revision

if TYPE_CHECKING:
    from longtake.plan import Comparison, ShotStatus
    from longtake.store import Store

_TRIES = 8


async def decide(store: Store, comparison: Comparison, revision: Revision) -> None:
    """Record a decision and apply it; if another run decided first, its decision applies.

    Raises:
        StoreError: the store is away.
    """
    known = comparison.take_library.decided(revision.shot, revision.description)
    written, _ = await asyncio.to_thread(write_revision, store, revision, known)
    comparison.take_library.decide(written)


async def pin_end_frames(
    store: Store, comparison: Comparison, status: ShotStatus, parent: ShotStatus | None, *, run: str
) -> ShotStatus:
    """Find the end frames that a shot's new takes are pinned to, record them, and return the shot's status with them.

    Raises:
        MediaError, FfmpegError: the kept clip after it cannot be read.
        StoreError: the store is away, or other runs keep recording other decisions.
    """
    for _ in range(_TRIES):
        open_ended = [lack for lack in status.lacks if lack.bridges is not None and lack.end is None]
        if not open_ended:
            return status
        target = comparison.take_library.take(open_ended[0].bridges or "")
        if target is None:
            raise StoreError(
                f"the kept take after {status.shot.label}, which its new take is pinned to, is no longer in the store"
            )
        number = min(lack.number for lack in open_ended)
        description = comparison.descriptions[status.shot.id]
        decided = comparison.take_library.decided(status.shot.id, description)
        await decide(
            store,
            comparison,
            Revision(
                film=comparison.take_library.film,
                shot=status.shot.id,
                description=description,
                take=number,
                redo=any(r.redo and r.take == number for r in decided),
                follow=status.downstream,
                end=await asyncio.to_thread(_first_frame, store, target.clip.key),
                bridges=target.fingerprint,
                run=run,
            ),
        )
        status = comparison.look(status.shot, parent)
    raise StoreError(f"other runs keep recording other decisions on {status.shot.label}")


def _first_frame(store: Store, clip: str) -> Frame:
    with stores.temporary_folder() as folder, stores.local_copy(store, clip) as path:
        png = folder / "first.png"
        media.first_frame(path, png)
        digest = hashlib.sha256(png.read_bytes()).hexdigest()
        key = f"media/{digest}.png"
        store.put_file(key, png, content_type="image/png")
    return Frame(key=key, sha256=digest, source="clip")
