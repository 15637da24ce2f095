"""What a PNG carries in addition to its picture, read before a decoder unpacks it: a megabyte of it can become a gigabyte."""

from __future__ import annotations

import struct
import zlib
from typing import BinaryIO

from longtake.errors import MediaError

MAX_EXTRA = 8 * 1024**2
"""Bytes that texts and a color profile may unpack to, together; the largest profiles in use have two megabytes."""
_MAX_CHUNKS = 100_000
# Where the packed bytes begin: after a name that ends in a zero, and a byte or two that say how they are packed.
_PACKED = {b"zTXt": 1, b"iCCP": 1, b"iTXt": 2}


def check_chunks(file: BinaryIO, name: str) -> None:
    """Refuse a PNG whose texts or color profile unpack to more than `MAX_EXTRA`.

    Args:
        file: the PNG, seekable; its position is not kept.
        name: what to call it.

    Raises:
        MediaError: they do, or it is made of too many pieces.
    """
    at, left = 8, MAX_EXTRA
    for _ in range(_MAX_CHUNKS):
        file.seek(at)
        head = file.read(8)
        if len(head) < 8:
            return
        length, kind = struct.unpack(">I4s", head)
        if kind in _PACKED:
            left -= _unpacked(file.read(min(length, MAX_EXTRA)), _PACKED[kind], left)
            if left < 0:
                raise MediaError(f"{name} carries texts or a color profile of more than {MAX_EXTRA >> 20} MB")
        at += length + 12
    raise MediaError(f"{name} is made of more than {_MAX_CHUNKS} pieces")


def _unpacked(chunk: bytes, skip: int, most: int) -> int:
    """How many bytes a chunk unpacks to; counting stops one above `most`."""
    start = chunk.find(b"\0") + 1 + skip
    if skip == 2:
        # An international text: its language and its translated name come before it.
        start = chunk.find(b"\0", chunk.find(b"\0", start) + 1) + 1
    unpacker = zlib.decompressobj()
    try:
        return len(unpacker.decompress(chunk[start:], most + 1))
    except zlib.error:
        # A decoder that unpacks it nevertheless gets no further than this did.
        return 0
