"""Files that are there whole or not at all, and stay there when the machine stops."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import time
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from longtake.store.protocol import DAY

if TYPE_CHECKING:
    from collections.abc import Iterator

ABSENT = (FileNotFoundError, NotADirectoryError, IsADirectoryError)
"""What the file system says of a path where there is no file."""


@contextlib.contextmanager
def replacing(into: Path) -> Iterator[BinaryIO]:
    """Open a file for writing that takes the place of ``into`` only when the block ends well, synced to disk."""
    into.parent.mkdir(parents=True, exist_ok=True)
    temporary = into.parent / f".{into.name[:100]}.{secrets.token_hex(8)}.part"
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(into)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def opened(target: Path) -> Iterator[BinaryIO | None]:
    """Open a file for reading; None when there is none."""
    try:
        file = target.open("rb")
    except ABSENT:
        yield None
        return
    with file:
        yield file


def size_of(target: Path) -> int | None:
    """The bytes of a file; None when there is none."""
    try:
        return target.stat().st_size
    except ABSENT:
        return None


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, each synced into the one above."""
    missing = []
    while not folder.is_dir():
        missing.append(folder)
        if folder == folder.parent:
            break
        folder = folder.parent
    for each in reversed(missing):
        each.mkdir(exist_ok=True)
        sync_folder(each.parent)


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    except OSError as error:
        # Some network file systems sync names by themselves and refuse to be asked.
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(handle)


def sweep(folder: Path) -> None:
    """Remove files that killed processes left behind, if they are too old to be still written."""
    oldest = time.time() - DAY
    with os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                if entry.stat(follow_symlinks=False).st_mtime < oldest:
                    Path(entry.path).unlink()
