"""Which frames of a film are copied as they are and which must be encoded: arithmetic only, no media is touched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from longtake.errors import MediaError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from longtake.media.index import Index

__all__ = ["Blend", "Copy", "Encode", "Piece", "cut", "starts"]


@dataclass(frozen=True, slots=True)
class Copy:
    """`count` stored frames of a clip from stored position `first` on, as they are."""

    clip: int
    first: int
    count: int


@dataclass(frozen=True, slots=True)
class Encode:
    """`count` shown frames of a clip from frame `first` on, encoded."""

    clip: int
    first: int
    count: int


@dataclass(frozen=True, slots=True)
class Blend:
    """The last `count` frames of clip `clip - 1`, from its frame `first` on, faded into the first of `clip`."""

    clip: int
    first: int
    count: int


Piece = Copy | Encode | Blend


def starts(lengths: Sequence[int], overlaps: Sequence[int]) -> list[int]:
    """The film frame each clip begins at, and the film's length as one more; `overlaps[i]` is shared by i - 1 and i.

    Raises:
        MediaError: a clip is too short for the crossfades at its two ends.
    """
    at, places = 0, []
    for i, (length, overlap) in enumerate(zip(lengths, overlaps, strict=True)):
        after = overlaps[i + 1] if i + 1 < len(overlaps) else 0
        if overlap + after > length:
            raise MediaError(f"clip {i + 1} has {length} frames, its crossfades need {overlap + after}")
        at -= overlap
        places.append(at)
        at += length
    return [*places, at]


def cut(lengths: Sequence[int], overlaps: Sequence[int], indexes: Sequence[Index | None]) -> Iterator[Piece]:
    """The pieces of a film in order; `indexes[i]` is None for a clip that cannot be copied.

    Every piece is made alone: the cost of one graph over many clips grows with their number.
    """
    for i, (length, overlap) in enumerate(zip(lengths, overlaps, strict=True)):
        after = overlaps[i + 1] if i + 1 < len(overlaps) else 0
        if overlap:
            yield Blend(i, lengths[i - 1] - overlap, overlap)
        yield from _middle(i, overlap, length - after, indexes[i])


def _middle(clip: int, first: int, end: int, index: Index | None) -> Iterator[Piece]:
    """Frames `first` to `end` of one clip: copied between the first key frame and the last safe cut, else encoded."""
    start = index.start(first) if index else None
    stop = index.cut(end) if index else 0
    if start is None or stop <= start:
        if end > first:
            yield Encode(clip, first, end - first)
        return
    if start > first:
        yield Encode(clip, first, start - first)
    yield Copy(clip, start, stop - start)
    if end > stop:
        yield Encode(clip, stop, end - stop)
