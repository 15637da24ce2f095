"""Records of takes that nobody bought."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from longtake import request
from longtake.catalog import Catalog
from longtake.library import ClipFile, Frame, Take

CATALOG = Catalog.load()


def take_of(
    shot,
    *,
    take: int = 1,
    frame: str | None = None,
    end: str | None = None,
    digests=None,
    realm="provider",
    **fields: Any,
) -> Take:
    """The record of a take of a shot that begins with a frame (its digest); `fields` replace others of the record."""
    decides = {"realm": realm, "digests": digests}
    name = request.fingerprint(shot, take=take, frame=frame, end=end, **decides)
    given = {
        "fingerprint": name,
        "description": request.description(shot, **decides),
        "frame": frame,
        "end": end,
        "model": shot.model,
        "request": request.frozen_body(shot, digests=digests, frame=frame, catalog=CATALOG),
        "clip": ClipFile(
            key=f"media/{name}.mp4", sha256=name, bytes=1, width=1, height=1, frames=1, seconds=1, audio=False
        ),
        "last_frame": Frame(key="media/x.png", sha256="f" * 64, source="clip"),
        "account": "a",
        "attempt": f"a{take}",
        "task_id": f"task_{take:08}",
        "credits": shot.expected.credits,
        "credits_from": "usage",
        "film": "a-film",
        "shot": shot.label,
        "take": take,
        "kept_at": datetime.now(UTC),
    }
    return Take(**{**given, **fields})
