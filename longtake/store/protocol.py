"""What a store is: the protocol that the local folder and S3 both keep, and that one test suite checks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from contextlib import AbstractContextManager
    from datetime import datetime
    from pathlib import Path
    from typing import BinaryIO

GET_LIMIT = 16 * 1024 * 1024
"""Bytes `Store.get` takes into memory by default: ledger entries and manifests are far smaller."""

DAY = 24 * 3600
"""Seconds a URL for others lives by default: longer than any generation, shorter than a leak is harmful."""


@dataclass(frozen=True)
class ObjectInfo:
    """Facts about an object without reading it: size in bytes, type if known, time of writing (UTC)."""

    key: str
    size: int
    content_type: str | None
    modified: datetime


class Store(Protocol):
    """Objects by key. Every method is synchronous and may be called from many threads at once.

    A key is letters, digits, ``._=-`` and ``/`` between parts, at most 512 characters, no part beginning with a dot.
    Every method raises `StoreError` (which names the key, never a signed URL) when the store does not do its work, and
    `SettingsError` when there are no usable credentials.
    """

    @property
    def uri(self) -> str:
        """Where this store is, as `open` takes it; holds no secrets."""

    def put_if_absent(self, key: str, data: bytes, *, content_type: str = "application/json") -> bool:
        """Create an object in one atomic, durable step; True when this call created it, False when it existed.

        A lost answer is settled by asking the store again before this returns. When even that fails `StoreError` is
        raised and the object may or may not exist: read the key back before deciding anything.
        """

    def put_file(self, key: str, path: Path, *, content_type: str) -> None:
        """Store a file, whole or not at all; do nothing if an object of the same size is there (keys are content addressed).

        The bytes are on the way once: a bucket gets one PUT under the final name, or parts when the file is larger than
        64 MiB; a folder gets a link to the file when it is one of its `spool`.
        """

    def spool(self) -> AbstractContextManager[Path]:
        """Give a path for bytes whose key is not known yet: write a file there, then `put_file` it without a second copy.

        The file goes away with the block. What a killed process left in a folder's ``.tmp/`` is swept a day later.
        """

    def get(self, key: str, *, limit: int = GET_LIMIT) -> bytes | None:
        """A whole small object, or None when there is none; `StoreError` when it is larger than ``limit`` bytes."""

    def reader(self, key: str) -> BinaryIO:
        """Open an object as a seekable, buffered file, to be closed by the caller; `StoreError` when there is none.

        It never mixes two objects: when another takes the key's place, reading ends with `StoreError` or goes on with the
        one that was opened.
        """

    def download(self, key: str, into: Path) -> None:
        """Stream an object into a file that appears whole or not at all; `StoreError` when there is no such object."""

    def head(self, key: str) -> ObjectInfo | None:
        """Size, type and time of an object, or None when there is none."""

    def list(self, prefix: str, *, limit: int | None = None, after: str | None = None) -> Iterator[str]:
        """Keys that begin with ``prefix`` (a plain string), in lexicographic order, all greater than ``after``.

        Lazy: with ``limit`` no more than that many keys are asked for.
        """

    def scan(self, prefix: str) -> Iterator[ObjectInfo]:
        """As `list`, with sizes and times; from the listing alone, which knows no types."""

    def delete(self, keys: Iterable[str]) -> None:
        """Remove objects, for housekeeping only. Missing objects are ignored.

        Nothing is removed when one of the keys is below ``ledger/``: that is a `StoreError`. After any other error some
        of them may be gone.
        """

    def url_for_others(self, key: str, *, seconds: int = DAY) -> str | None:
        """A URL under which others can read the object, or None when this store has no such URL.

        With a public base URL it is that base and the key. Else S3 gives a presigned URL that lives ``seconds``: a
        secret for that time, and one that answers 403 to HEAD.
        """

    def path(self, key: str) -> Path | None:
        """Where a local folder keeps the object, there or not yet, for reading only; None for every other store."""
