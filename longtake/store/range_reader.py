"""Reading an object as a file, piece by piece."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING

from longtake.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

    from _typeshed import WriteableBuffer

_LEAST = 1024 * 1024  # bytes of one request, even if fewer are needed: what follows is usually read next
_MOST = 8 * 1024 * 1024  # bytes of one request at most, because a broken request is repeated


def ranged_file(key: str, size: int, fetch: Callable[[int, int], bytes]) -> BinaryIO:
    """Make a seekable, buffered, read-only file of an object.

    Args:
        key: the object's, as errors call it.
        size: its bytes.
        fetch: called with an offset and a length inside the object; returns its bytes.
    """
    return io.BufferedReader(_Ranged(key, size, fetch), _LEAST)


class _Ranged(io.RawIOBase):
    def __init__(self, key: str, size: int, fetch: Callable[[int, int], bytes]) -> None:
        self._key = key
        self._size = size
        self._fetch = fetch
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise ValueError(f"a file has no place {start + offset}")
        self._at = start + offset
        return self._at

    def readinto(self, buffer: WriteableBuffer) -> int:
        room = memoryview(buffer).cast("B")
        length = min(len(room), self._size - self._at, _MOST)
        if length <= 0:
            return 0
        data = self._fetch(self._at, length)
        if len(data) != length:
            raise StoreError(f"{self._key} gave {len(data)} of {length} bytes from {self._at}", key=self._key)
        room[:length] = data
        self._at += length
        return length

    def readall(self) -> bytes:
        # The inherited method would request a few kilobytes each.
        rest = bytearray(max(self._size - self._at, 0))
        room = memoryview(rest)
        while room:
            room = room[self.readinto(room) :]
        return bytes(rest)
