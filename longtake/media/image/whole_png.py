"""Whether a PNG is whole, from its bytes: a tenth of what opening and decoding it costs, on the path of a chain."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["is_whole_png"]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_MOST_PIXELS = 64 * 1024**2


def is_whole_png(path: Path) -> bool:
    """Whether each chunk has its checksum, and the pixels unpack to as many rows as the header says.

    False says nothing: an interlaced or huge one is not looked into. `check_image` decides then.
    """
    data = path.read_bytes()
    try:
        chunks = list(_chunks(data))
        kind, header = chunks[0]
        width, height, depth, color, _, _, interlaced = struct.unpack(">IIBBBBB", header)
        if kind != b"IHDR" or interlaced or not 0 < width * height <= _MOST_PIXELS:
            return False
        expected = (1 + (width * _CHANNELS[color] * depth + 7) // 8) * height
        unpacked = zlib.decompressobj()
        rows = unpacked.decompress(b"".join(part for name, part in chunks if name == b"IDAT"), expected + 1)
    except (IndexError, KeyError, struct.error, zlib.error):
        return False
    return chunks[-1][0] == b"IEND" and len(rows) == expected and unpacked.eof


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The chunks up to the first that is broken or the last, by name."""
    at = len(_SIGNATURE)
    while data.startswith(_SIGNATURE) and at < len(data):
        (size,) = struct.unpack_from(">I", data, at)
        name, part = data[at + 4 : at + 8], data[at + 8 : at + 8 + size]
        (checksum,) = struct.unpack_from(">I", data, at + 8 + size)
        if zlib.crc32(name + part) != checksum:
            return
        yield name, part
        at += 12 + size
        if name == b"IEND":
            return
