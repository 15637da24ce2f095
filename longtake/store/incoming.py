"""Objects on their way in, whose names are known only when all their bytes are."""

from __future__ import annotations

import abc
import contextlib
import logging
import os
import secrets
import threading
from typing import TYPE_CHECKING

from longtake.errors import StoreError
from longtake.store.files import make_folder, size_of, sync_folder
from longtake.store.keys import check_key
from longtake.store.multipart import PART, Multipart, end_abandoned, is_abandoned
from longtake.store.s3client import patiently

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CopySourceTypeDef

    from longtake.store.protocol import ObjectInfo

__all__ = ["INCOMING", "LocalSink", "S3Sink", "sweep_incoming"]

INCOMING = "incoming/"
"""Where large objects wait in a bucket for their names."""

_LARGEST = 5 * 1024**3  # bytes S3 copies in one piece

_log = logging.getLogger("longtake.store")
_swept: set[tuple[int, str, str]] = set()
_lock = threading.Lock()


class _Incoming(abc.ABC):
    """What both kinds of `Sink` share: one call at a time, none after a failure but `restart`, and an end that is the end."""

    def __init__(self) -> None:
        self.size = 0
        self._busy = threading.Lock()
        self._over = False
        self._broken = False

    def write(self, data: bytes) -> None:
        """See `Sink.write`."""
        with self._turn():
            self._append(data)
            self.size += len(data)

    def restart(self) -> None:
        """See `Sink.restart`."""
        with self._turn(broken=False):
            if self.size or self._broken:
                self._forget()
            self.size, self._broken = 0, False

    def commit(self, key: str) -> None:
        """See `Sink.commit`."""
        check_key(key)
        with self._turn():
            self._keep(key)
            self._over = True
            self._drop()

    def end(self) -> None:
        """Leave nothing but what was committed. A call still running in another thread is waited for."""
        self._over = True
        with self._busy:
            self._drop()

    @contextlib.contextmanager
    def _turn(self, *, broken: bool = True) -> Iterator[None]:
        with self._busy:
            if self._over or (broken and self._broken):
                what = "is over" if self._over else "failed before"
                raise StoreError(f"the incoming object takes nothing more: it {what}", key=INCOMING)
            try:
                yield
            except BaseException:
                self._broken = True
                raise

    @abc.abstractmethod
    def _append(self, data: bytes) -> None: ...
    @abc.abstractmethod
    def _forget(self) -> None: ...
    @abc.abstractmethod
    def _keep(self, key: str) -> None: ...
    @abc.abstractmethod
    def _drop(self) -> None: ...


class LocalSink(_Incoming):
    """A temporary file of the folder, given its name by rename(2).

    Args:
        temporary: the file to make; whoever gives it removes it.
        target: where a key's object is.
        trouble: tells errors of the file system as the store's, by key.
    """

    def __init__(
        self, temporary: Path, target: Callable[[str], Path], trouble: Callable[[str], AbstractContextManager[None]]
    ) -> None:
        super().__init__()
        self._temporary = temporary
        self._target = target
        self._trouble = trouble
        self._file = temporary.open("xb")

    def _append(self, data: bytes) -> None:
        with self._trouble(INCOMING):
            self._file.write(data)

    def _forget(self) -> None:
        with self._trouble(INCOMING):
            self._file.seek(0)
            self._file.truncate()

    def _keep(self, key: str) -> None:
        target = self._target(key)
        with self._trouble(key):
            if size_of(target) == self.size:
                return
            self._file.flush()
            os.fsync(self._file.fileno())
            make_folder(target.parent)
            self._temporary.replace(target)
            sync_folder(target.parent)

    def _drop(self) -> None:
        # What a full disk kept in the buffer is not wanted any more.
        with contextlib.suppress(OSError):
            self._file.close()


class S3Sink(_Incoming):
    """Up to a part stays in memory and goes under its name at once; more goes to `INCOMING` and is copied there by S3.

    Args:
        s3: the client.
        bucket: where to.
        prefix: the store's in the bucket, empty or ending with a slash.
        content_type: of the object.
        head: what is under a key.
    """

    def __init__(
        self, s3: S3Client, bucket: str, prefix: str, *, content_type: str, head: Callable[[str], ObjectInfo | None]
    ) -> None:
        super().__init__()
        self._s3 = s3
        self._bucket = bucket
        self._prefix = prefix
        self._type = content_type
        self._head = head
        self._key = INCOMING + secrets.token_hex(16)
        self._held = bytearray()
        self._parts: Multipart | None = None
        self._complete = False

    def end(self) -> None:
        """See `_Incoming.end`; parts on their way are not repeated."""
        parts = self._parts
        if parts is not None:
            parts.stop()
        super().end()

    def _append(self, data: bytes) -> None:
        if self.size + len(data) > _LARGEST:
            raise StoreError(f"an object larger than {_LARGEST} bytes cannot come in as a stream", key=self._key)
        rest = memoryview(data)
        while rest:
            if len(self._held) == PART:
                self._send()
            room = PART - len(self._held)
            self._held += rest[:room]
            rest = rest[room:]

    def _send(self) -> None:
        if self._parts is None:
            name = self._prefix + self._key
            self._parts = Multipart(self._s3, self._bucket, name, key=self._key, content_type=self._type)
        self._parts.send(bytes(self._held))
        self._held.clear()

    def _forget(self) -> None:
        self._drop()
        self._key = INCOMING + secrets.token_hex(16)

    def _keep(self, key: str) -> None:
        found = self._head(key)
        if found is not None and found.size == self.size:
            return
        name = self._prefix + key
        if self._parts is None:
            whole = bytes(self._held)
            patiently(
                lambda: self._s3.put_object(Bucket=self._bucket, Key=name, Body=whole, ContentType=self._type),
                at=(self._s3, self._bucket),
                key=key,
                doing="written",
            )
            return
        self._send()
        self._complete = True
        self._parts.complete()
        here: CopySourceTypeDef = {"Bucket": self._bucket, "Key": self._prefix + self._key}
        # Its type goes along. Copying again after a lost answer gives the same object.
        patiently(
            lambda: self._s3.copy_object(Bucket=self._bucket, Key=name, CopySource=here),
            at=(self._s3, self._bucket),
            key=key,
            doing="written",
        )

    def _drop(self) -> None:
        self._held = bytearray()
        parts, self._parts = self._parts, None
        if parts is None:
            return
        if not self._complete:
            parts.abort()
            return
        # Completed, or asked to be and no answer came: then it is either of the two.
        if self._broken:
            parts.abort()
        name = self._prefix + self._key
        try:
            patiently(
                lambda: self._s3.delete_object(Bucket=self._bucket, Key=name),
                at=(self._s3, self._bucket),
                key=self._key,
                doing="deleted",
            )
        except Exception as error:  # noqa: BLE001 - the object has its name, or an error of its own is on its way
            _log.warning("%s stays in the bucket beside what it became: %s", self._key, error)
        self._complete = False


def sweep_incoming(s3: S3Client, bucket: str, prefix: str) -> None:
    """Remove what killed processes left on its way in more than a day ago; once a process for each place.

    Housekeeping: a server that cannot list uploads, or an account that may not delete, is no trouble here.
    """
    place = (os.getpid(), bucket, prefix)
    # Who comes meanwhile waits: what it begins must not be listed here.
    with _lock:
        if place in _swept:
            return
        _swept.add(place)
        begins = prefix + INCOMING
        with contextlib.suppress(Exception):
            end_abandoned(s3, bucket, s3.list_multipart_uploads(Bucket=bucket, Prefix=begins).get("Uploads", []))
        with contextlib.suppress(Exception):
            for found in s3.list_objects_v2(Bucket=bucket, Prefix=begins).get("Contents", []):
                if is_abandoned(found["LastModified"]):
                    s3.delete_object(Bucket=bucket, Key=found["Key"])
