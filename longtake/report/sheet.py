"""The contact sheet of takes: the last frame of each, read from the store."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from longtake import library, media
from longtake.errors import LongtakeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longtake.library import Take
    from longtake.store import Store

MOST_PICTURES = 60
"""The most takes on a sheet; of more, an evenly spread selection is shown, because a thousand would be too small to see."""
_READERS = 4


def contact_sheet(takes: Sequence[Take], store: Store, *, labels: Sequence[str] = ()) -> bytes:
    """A JPEG with the last frame of each take above its label; at most a quarter of a megabyte.

    Of more than `MOST_PICTURES` takes an evenly spread selection is shown, which includes the first and the last. A frame that
    cannot be read is a gray field.

    Args:
        takes: at least one.
        store: where their frames are.
        labels: one for each take; by default `scene/shot`, with the take's number from the second on.

    Raises:
        StoreError, MediaError: none of the frames can be read.
    """
    named = list(zip(takes, labels or map(_label, takes), strict=True))
    shown = [named[index] for index in _spread(len(named), MOST_PICTURES)]

    def small(take: Take) -> bytes | LongtakeError:
        try:
            return library.picture(store, take.last_frame.key)
        except LongtakeError as error:
            return error

    with ThreadPoolExecutor(_READERS, thread_name_prefix="longtake-sheet") as pool:
        found = list(pool.map(small, (take for take, _ in shown)))
    errors = [one for one in found if isinstance(one, LongtakeError)]
    if len(errors) == len(found):
        raise errors[0]
    pictures = [None if isinstance(one, LongtakeError) else one for one in found]
    return media.sheet([(one, label) for one, (_, label) in zip(pictures, shown, strict=True)])


def kept_sheet(key: str, takes: Sequence[Take], store: Store, *, labels: Sequence[str] = ()) -> bytes:
    """The contact sheet stored under a key; drawn and stored first if it is missing. The key must identify these takes.

    Raises:
        StoreError, MediaError: as `contact_sheet`, or the store cannot be reached.
    """
    there = store.get(key)
    if there is not None:
        return there
    made = contact_sheet(takes, store, labels=labels)
    store.put_if_absent(key, made, content_type="image/jpeg")
    return made


def _label(take: Take) -> str:
    return take.shot if take.take == 1 else f"{take.shot} · take {take.take}"


def _spread(count: int, most: int) -> list[int]:
    """Choose up to `most` indexes of `count`, evenly spread, first and last included."""
    if count <= most:
        return list(range(count))
    return [round(place * (count - 1) / (most - 1)) for place in range(most)]
