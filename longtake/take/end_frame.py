"""Decisions on shots, written down before anything is bought for them: a redo, or where a new take is led to.

The frame a take is led to is taken out of the kept clip after it once, kept, and named in the decision: whoever goes on
later asks for the very same take, whatever ffmpeg they have.
"""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from pathlib import Path
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
    """Write a decision down and count it; where another run decided first, that one counts.

    Raises:
        StoreError: the store is away.
    """
    known = comparison.take_library.decided(revision.shot, revision.description)
    written, _ = await asyncio.to_thread(write_revision, store, revision, known)
    comparison.take_library.decide(written)


async def lead(
    store: Store, comparison: Comparison, status: ShotStatus, parent: ShotStatus | None, *, run: str
) -> ShotStatus:
    """The standing with the frame known that its new takes are led to.

    Raises:
        MediaError, FfmpegError: the kept clip after it cannot be read.
        StoreError: the store is away, or other runs keep deciding otherwise.
    """
    for _ in range(_TRIES):
        open_ended = [lack for lack in status.lacks if lack.bridges is not None and lack.end is None]
        if not open_ended:
            return status
        target = comparison.take_library.take(open_ended[0].bridges or "")
        if target is None:
            raise StoreError(f"the take that {status.shot.label} leads to is not in the store any more")
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
    raise StoreError(f"other runs keep deciding what becomes of {status.shot.label}")


def _first_frame(store: Store, clip: str) -> Frame:
    with tempfile.TemporaryDirectory(prefix="longtake-") as folder, stores.local_copy(store, clip) as path:
        png = Path(folder) / "first.png"
        media.first_frame(path, png)
        digest = hashlib.sha256(png.read_bytes()).hexdigest()
        key = f"media/{digest}.png"
        store.put_file(key, png, content_type="image/png")
    return Frame(key=key, sha256=digest, source="clip")
