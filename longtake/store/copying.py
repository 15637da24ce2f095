"""Objects read side by side, and an object as a file on this machine, checked against the digest it is named after."""

from __future__ import annotations

import contextlib
import hashlib
import re
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from longtake.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from longtake.store.protocol import Store

_READERS = 16
_NAMED = re.compile(r"media/([0-9a-f]{64})\.")


def read_all(store: Store, keys: Sequence[str]) -> Iterator[tuple[str, bytes | None]]:
    """Read small objects concurrently, in this order; None for a missing one.

    Raises:
        StoreError: the store is away.
    """
    with ThreadPoolExecutor(_READERS, thread_name_prefix="longtake-read") as pool:
        yield from zip(keys, pool.map(store.get, keys), strict=True)


@contextlib.contextmanager
def temporary_folder(purpose: str = "") -> Iterator[Path]:
    """A folder for work on files of this machine, which goes away with the block.

    Args:
        purpose: a word for its name.

    Raises:
        StoreError: the block raised an OSError, as it does where the disk is full.
    """
    try:
        with tempfile.TemporaryDirectory(prefix=f"longtake-{purpose}-" if purpose else "longtake-") as name:
            yield Path(name)
    except OSError as error:
        raise StoreError(
            f"temporary files could not be written in {tempfile.gettempdir()}: {error.strerror or type(error).__name__}",
            next_step="free some disk, or set TMPDIR to a folder on a larger one; then run again: what is kept stays kept",
            key="",
        ) from error


@contextlib.contextmanager
def local_copy(store: Store, key: str) -> Iterator[Path]:
    """The object as a file to read: the store's own where it is a folder, else a copy that goes away with the block.

    Raises:
        StoreError: there is no such object, or it is not what its name says.
    """
    with tempfile.TemporaryDirectory(prefix="longtake-") as folder:
        yield fetch(store, key, Path(folder))


def fetch(store: Store, key: str, folder: Path) -> Path:
    """The object as a file: the store's own where it is a folder, else a copy in `folder`, made once.

    Raises:
        StoreError: there is no such object, or it is not what its name says.
    """
    own = store.path(key)
    if own is not None:
        return _there(own, key)
    path = folder / key.replace("/", "-")
    if not path.exists():
        store.download(key, path)
        named = _NAMED.match(key)
        with path.open("rb") as file:
            if named is not None and hashlib.file_digest(file, "sha256").hexdigest() != named[1]:
                path.unlink()
                raise StoreError(
                    f"{key} is not what its name says: its bytes have another digest",
                    next_step="restore it from a backup or a version of the bucket; it was paid for",
                    key=key,
                )
    return path


def _there(path: Path, key: str) -> Path:
    if not path.is_file():
        raise StoreError(
            f"the store holds no object {key}",
            next_step="restore it from a backup; if it is gone for good, `longtake run --retake SHOT` buys a new take",
            key=key,
        )
    return path
