"""Whether a file is truncated, for formats whose decoders accept truncated files."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from pathlib import Path

_TRAILER, _EXTENSION, _IMAGE, _PADDING = b";", b"!", b",", b"\0"
_LENGTHS = (b"Xing", b"Info")
"""The names of the header that says how long an MP3 is; one without it has no length of its own."""


def is_cut_short(path: Path, format: str) -> bool:  # noqa: A002 - its word everywhere
    """Say whether the end of a GIF or MP3 is missing; False for every other format, and where the file does not say.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        if format == "gif":
            return _gif_ends_early(file)
        return format == "mp3" and _length_of_mp3(file) > path.stat().st_size


def _gif_ends_early(file: BinaryIO) -> bool:
    """Whether a block does not end, or what follows one is no block (GIF89a, appendix B)."""
    head = file.read(13)
    file.seek(_table(head[10:11]), 1)
    while (kind := file.read(1)) not in (b"", _TRAILER):
        if kind == _EXTENSION:
            file.seek(1, 1)
        elif kind == _IMAGE:
            file.seek(_table(file.read(9)[8:9]) + 1, 1)
        elif kind != _PADDING:
            return True
        while kind != _PADDING and (size := file.read(1)) != b"\0":
            if not size:
                return True
            file.seek(size[0], 1)
    return False


def _table(flags: bytes) -> int:
    """Bytes of the color table that a descriptor announces."""
    return 3 << (flags[0] & 7) + 1 if flags and flags[0] & 0x80 else 0


def _length_of_mp3(file: BinaryIO) -> int:
    """Bytes an MP3 says it has, from its first frame on; 0 when it does not say."""
    head = file.read(10)
    if head[:3] == b"ID3":
        size = 0
        for byte in head[6:]:
            size = size << 7 | byte & 0x7F
        file.seek(10 + size)
    else:
        file.seek(0)
    frame = file.read(64)
    at = max(frame.find(name) for name in _LENGTHS)
    flags = frame[at + 7] if 0 <= at < len(frame) - 16 else 0
    place = at + 8 + 4 * (flags & 1)
    return int.from_bytes(frame[place : place + 4], "big") if flags & 2 else 0
