"""A store in this process's memory, for tests of the logic above a store.

It keeps the whole contract of `longtake.store.Store` (tests/store runs the same suite over it as over a folder and S3) but two
things: no address opens it, and it ends with the process. The second is why it is not part of Longtake: a ledger that ends with
the process loses what was paid for.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import shutil
import tempfile
import threading
from bisect import bisect_left, insort
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from longtake.errors import StoreError
from longtake.store import GET_LIMIT, ObjectInfo
from longtake.store.files import replacing
from longtake.store.keys import check_deletable, check_key, check_prefix

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class _Object(NamedTuple):
    data: bytes
    content_type: str
    modified: datetime


class _ReadOnly(io.BytesIO):
    def writable(self) -> bool:
        return False


class MemoryStore:
    """Objects by key, shared safely by the threads of this process."""

    uri = "memory:"

    def __init__(self) -> None:
        self._objects: dict[str, _Object] = {}
        self._keys: list[str] = []  # sorted
        self._lock = threading.Lock()

    def put_if_absent(self, key: str, data: bytes, *, content_type: str = "application/json") -> bool:
        check_key(key)
        with self._lock:
            if key in self._objects:
                return False
            self._write(key, data, content_type)
            return True

    def put_file(self, key: str, path: Path, *, content_type: str) -> None:
        check_key(key)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise StoreError(f"{key} could not be written: {error.strerror}", key=key) from error
        with self._lock:
            if key not in self._objects or len(self._objects[key].data) != len(data):
                self._write(key, data, content_type)

    @contextlib.contextmanager
    def spool(self) -> Iterator[Path]:
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder) / "spooled"

    def get(self, key: str, *, limit: int = GET_LIMIT) -> bytes | None:
        found = self._objects.get(check_key(key))
        if found is not None and len(found.data) > limit:
            raise StoreError(f"{key} is larger than the {limit} bytes expected of it", key=key)
        return found and found.data

    def reader(self, key: str) -> BinaryIO:
        found = self._objects.get(check_key(key))
        if found is None:
            raise StoreError(f"the store holds no object {key}", key=key)
        return io.BufferedReader(_ReadOnly(found.data))

    def download(self, key: str, into: Path) -> None:
        with self.reader(key) as file:
            try:
                with replacing(into) as copy:
                    shutil.copyfileobj(file, copy)
            except OSError as error:
                raise StoreError(f"{key} could not be read into {into}: {error.strerror}", key=key) from error

    def head(self, key: str) -> ObjectInfo | None:
        found = self._objects.get(check_key(key))
        return found and ObjectInfo(key, len(found.data), found.content_type, found.modified)

    def list(self, prefix: str, *, limit: int | None = None, after: str | None = None) -> Iterator[str]:
        check_prefix(prefix)
        floor = check_prefix(after or "")
        with self._lock:
            keys = self._keys[bisect_left(self._keys, max(prefix, floor)) :]
        below = itertools.takewhile(lambda key: key.startswith(prefix), keys)
        return itertools.islice((key for key in below if key > floor), limit)

    def scan(self, prefix: str) -> Iterator[ObjectInfo]:
        heads = (self.head(key) for key in self.list(prefix))
        return (replace(found, content_type=None) for found in heads if found is not None)

    def delete(self, keys: Iterable[str]) -> None:
        for key in [check_deletable(key) for key in keys]:
            with self._lock:
                if self._objects.pop(key, None):
                    self._keys.remove(key)

    def url_for_others(self, key: str, **_: int) -> None:
        check_key(key)

    def path(self, key: str) -> None:
        check_key(key)

    def damage(self, key: str, data: bytes | None = None) -> None:
        """Lose an object, or hold other bytes under its key: what no store does on purpose."""
        with self._lock:
            self._objects.pop(key)
            self._keys.remove(key)
            if data is not None:
                self._write(key, data, "application/octet-stream")

    def _write(self, key: str, data: bytes, content_type: str) -> None:
        if key not in self._objects:
            insort(self._keys, key)
        self._objects[key] = _Object(data, content_type, datetime.now(UTC))
