"""Small pictures of one color."""

from __future__ import annotations

import struct
import zlib


def png(shade: int | tuple[int, int, int] = 100, width: int = 64, height: int = 36) -> bytes:
    """A PNG of one gray, or of one color as red, green and blue."""
    pixel, kind = (bytes([shade]), 0) if isinstance(shade, int) else (bytes(shade), 2)

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)
    rows = zlib.compress((b"\0" + pixel * width) * height)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
