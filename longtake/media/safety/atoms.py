"""What an MP4 says of itself in its boxes, read before a demuxer believes it.

A demuxer makes room for what the tables promise, and a table may promise two hundred million frames in twenty bytes. It
may also name files and addresses elsewhere. Both are refused here, from the boxes alone.
"""

from __future__ import annotations

import math
import os
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from longtake.errors import MediaError

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_SAMPLES = 8_000_000
"""Samples (frames and sound packets) of all tracks together: a day of film at 24 frames a second with its sound."""
MAX_STREAMS = 32
_MAX_EDITS = 100
"""Of a track: a demuxer lists the samples again for each."""
_USUAL_EDITS = 2
"""A pause before the media and the media itself: written everywhere, and nothing is listed twice for it."""
_MAX_BOXES = 200_000  # fragments of such a day, a box in each hundredth of it
_HOLDERS = {
    *(b"moov", b"trak", b"mdia", b"minf", b"stbl", b"dinf", b"dref", b"edts", b"udta", b"meta"),
    *(b"gmhd", b"tref", b"mvex", b"moof", b"traf", b"sinf", b"schi", b"rmra", b"rmda", b"ilst"),
}
_DEPTH = 12
_HEAD = 60
"""Bytes of a box that are read: up to the matrix in the header of a track."""
_INSIDE_DREF = 8  # version, flags and the count of entries come before its boxes


@dataclass(frozen=True, slots=True)
class _Box:
    kind: bytes
    body: bytes
    """The first bytes of what it holds."""
    size: int
    """Bytes it holds."""


def check_boxes(file: BinaryIO, name: str) -> None:
    """Refuse an MP4 that promises more than any film of ours, or that keeps its media elsewhere.

    Args:
        file: the MP4, seekable; its position is not kept.
        name: what to call it.

    Raises:
        MediaError: it names another file or address, has too many tracks, samples, edits or boxes, or a compressed
            index.
    """
    end = file.seek(0, os.SEEK_END)
    tracks = samples = 0
    track = _Track()
    for number, box in enumerate(_walk(file, 0, end, 0)):
        if number > _MAX_BOXES:
            raise MediaError(f"{name} is made of more than {_MAX_BOXES} pieces")
        if box.kind == b"trak":
            tracks, track = tracks + 1, _Track()
        elif box.kind in {b"url ", b"urn ", b"alis", b"rsrc", b"rdrf"}:
            # Flag 1 says that the media is in this file; QuickTime writes `alis` with it.
            if len(box.body) < 4 or not box.body[3] & 1:
                raise MediaError(f"{name} keeps its picture or sound in another file, which is not fetched")
        elif box.kind == b"cmov":
            raise MediaError(f"{name} has a compressed index, which is not read")
        else:
            samples += _count(box)
            track.add(box)
        if tracks > MAX_STREAMS:
            raise MediaError(f"{name} holds more than {MAX_STREAMS} streams")
        if samples > MAX_SAMPLES:
            raise MediaError(f"{name} says it holds {samples} frames and sound packets; at most {MAX_SAMPLES} are read")
        if track.edits > _MAX_EDITS:
            raise MediaError(f"{name} plays a track in {track.edits} pieces; at most {_MAX_EDITS} are read")
        if track.listed > MAX_SAMPLES:
            raise MediaError(f"{name} plays {track.samples} frames or sound packets in {track.edits} pieces, too many")


def rotation(file: BinaryIO) -> int:
    """Degrees by which a player turns the first picture track of an MP4 (clockwise; 0, 90, 180 or 270)."""
    turned = 0
    for number, box in enumerate(_walk(file, 0, file.seek(0, os.SEEK_END), 0)):
        if box.kind == b"tkhd":
            # The matrix follows times and lengths, which have 8 bytes each from version 1 on.
            at = 52 if box.body[:1] == b"\1" else 40
            across, down = (struct.unpack(">i", box.body[at + i : at + i + 4].rjust(4, b"\0"))[0] for i in (0, 4))
            turned = round(math.degrees(math.atan2(down, across)) / 90) * 90 % 360
        elif box.kind == b"hdlr" and box.body[8:12] == b"vide":
            return turned
        if number > _MAX_BOXES:
            break
    return 0


@dataclass(slots=True)
class _Track:
    """What the boxes of one track said so far."""

    edits: int = 0
    samples: int = 0

    @property
    def listed(self) -> int:
        """Samples a demuxer makes room for."""
        return self.samples * (self.edits if self.edits > _USUAL_EDITS else 1)

    def add(self, box: _Box) -> None:
        """Take what a box says of edits or samples."""
        if box.kind in {b"stsz", b"stz2"}:
            self.samples += _count(box)
        elif box.kind == b"elst":
            # Demuxers go by the size of the box where it says something else than the count in it.
            said, entry = int.from_bytes(box.body[4:8], "big"), 20 if box.body[:1] == b"\1" else 12
            self.edits += max(said, (box.size - 8) // entry)


def _count(box: _Box) -> int:
    if box.kind in {b"stsz", b"stz2"}:
        return int.from_bytes(box.body[8:12], "big")
    return int.from_bytes(box.body[4:8], "big") if box.kind == b"trun" else 0


def _walk(file: BinaryIO, start: int, end: int, depth: int) -> Iterator[_Box]:
    """The boxes from `start` to `end` and those in the boxes that hold others; a broken size ends its level."""
    while end - start >= 8:
        file.seek(start)
        head = file.read(_HEAD + 16)
        if len(head) < 8:
            return
        size, kind = struct.unpack(">I4s", head[:8])
        skip = 8
        if size == 1 and len(head) >= 16:
            size, skip = int.from_bytes(head[8:16], "big"), 16
        stop = end if size == 0 else min(start + size, end)
        body = start + skip
        if stop < body:
            return
        yield _Box(kind, head[skip : skip + min(_HEAD, stop - body)], stop - body)
        if kind in _HOLDERS and depth < _DEPTH:
            # A list of references has its version and a count before the boxes in it; `meta` may have a version.
            lead = 8 if kind == b"dref" else 4 if kind == b"meta" and head[skip + 4 : skip + 8] != b"hdlr" else 0
            yield from _walk(file, body + lead, stop, depth + 1)
        start = stop
