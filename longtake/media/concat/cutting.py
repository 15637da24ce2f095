"""Which frames of a film are copied as they are and which must be encoded: arithmetic only, no media is touched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from longtake.errors import MediaError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from longtake.media.streams.index import Index


@dataclass(frozen=True, slots=True)
class Copy:
    """`frames` stored frames of a clip from stored position `first` on, as they are."""

    clip: int
    first: int
    frames: int


@dataclass(frozen=True, slots=True)
class Encode:
    """`frames` shown frames of a clip from frame `first` on, encoded."""

    clip: int
    first: int
    frames: int


@dataclass(frozen=True, slots=True)
class Blend:
    """The transition into `clip`, with what has to be encoded on its two sides.

    Frames of clip `clip - 1` from its frame `first` on: `before` as they look, then `count` that turn into the `count` frames
    of `clip` from its frame `start` on, then `after` more of that.
    """

    clip: int
    first: int
    before: int
    count: int
    after: int
    start: int = 0

    @property
    def frames(self) -> int:
        """All frames it makes."""
        return self.before + self.count + self.after


Piece = Copy | Encode | Blend


def starts(lengths: Sequence[int], overlaps: Sequence[int]) -> list[int]:
    """The film frame each clip begins at, and the film's length as one more; `overlaps[i]` is shared by i - 1 and i.

    Raises:
        MediaError: a clip is too short for the transitions at its two ends.
    """
    at, places = 0, []
    for i, (length, overlap) in enumerate(zip(lengths, overlaps, strict=True)):
        after = overlaps[i + 1] if i + 1 < len(overlaps) else 0
        if overlap + after > length:
            raise MediaError(
                f"clip {i + 1} has {length} frames, its transitions need {overlap + after}",
                next_step="make the transitions shorter in the storyboard",
            )
        at -= overlap
        places.append(at)
        at += length
    return [*places, at]


def cut(
    lengths: Sequence[int],
    overlaps: Sequence[int],
    indexes: Sequence[Index | None],
    heads: Sequence[int] | None = None,
    *,
    drawn: int = 0,
) -> Iterator[Piece]:
    """The pieces of a film in order; `indexes[i]` is None for a clip that cannot be copied.

    `lengths` are the frames shown of each clip, from its frame `heads[i]` on (None: from its first). Every piece is made alone,
    from two clips at most: the cost of one graph over many clips grows with their number. What has to be encoded next to a
    transition is made with it, so that no clip is decoded twice. The film's first `drawn` frames are changed, at most to the end
    of its first clip: they are encoded in a piece of their own, the film's first.
    """
    before = 0
    heads = heads or [0] * len(lengths)
    for i, (length, overlap, index) in enumerate(zip(lengths, overlaps, indexes, strict=True)):
        shared = overlaps[i + 1] if i + 1 < len(overlaps) else 0
        start, end = heads[i], heads[i] + length - shared
        changed = min(drawn, end - start) if i == 0 else 0
        copy = _copied(i, start + overlap + changed, end, index)
        head = (copy.first if copy else end) - start - overlap
        tail = end - (copy.first + copy.frames) if copy else 0
        if not copy and shared and not overlap and not changed:
            head, tail = 0, head
        if overlap:
            yield Blend(i, heads[i - 1] + lengths[i - 1] - overlap - before, before, overlap, head, start)
        elif head:
            yield Encode(i, start, head)
        if copy:
            yield copy
        if tail and not shared:
            yield Encode(i, end - tail, tail)
        before = tail if shared else 0


def _copied(clip: int, first: int, end: int, index: Index | None) -> Copy | None:
    """What can be copied of frames `first` to `end`: from the first key frame to the last safe cut."""
    if index is None:
        return None
    start, stop = index.start(first), index.cut(end)
    return Copy(clip, start, stop - start) if start is not None and stop > start else None
