"""Small pictures of kept frames and clips, drawn once in a process: a film's page, its contact sheet and its review share them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longtake import media
from longtake import store as stores

if TYPE_CHECKING:
    from pathlib import Path

    from longtake.store import Store

MOST = 1024
"""Pictures that stay in memory, some 8 MB: when the limit is reached, all are dropped."""
_drawn: dict[tuple[str, str], bytes] = {}
"""By store and key: an object under `media/` never changes."""


def picture(store: Store, key: str, copies: Path | None = None) -> bytes:
    """A kept frame, or the first frame of a kept clip, as a small JPEG.

    Args:
        store: where it is.
        key: its object.
        copies: a folder that holds copies of objects; only missing ones are fetched.

    Raises:
        StoreError: it cannot be read.
        MediaError: it cannot be decoded.
    """
    known = _drawn.get((store.uri, key))
    if known is not None:
        return known
    if copies is not None:
        made = media.thumbnail(stores.fetch(store, key, copies))
    else:
        with stores.local_copy(store, key) as path:
            made = media.thumbnail(path)
    if len(_drawn) >= MOST:
        _drawn.clear()  # in one call, because other threads add pictures
    _drawn[store.uri, key] = made
    return made
