"""The local folder: an object is a file, its key is its path below the root."""

from __future__ import annotations

import contextlib
import errno
import itertools
import mimetypes
import os
import secrets
import shutil
import stat
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, BinaryIO

from longtake.errors import StoreError
from longtake.store.files import ABSENT, make_folder, opened, replacing, size_of, sweep, sync_folder
from longtake.store.keys import check_deletable, check_key, check_prefix, is_key, join_url, public_base
from longtake.store.protocol import DAY, GET_LIMIT, ObjectInfo

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_TEMPORARY = ".tmp"


class LocalStore:
    """A folder as a store, shared safely by threads and processes of one machine.

    An object appears whole: it is written to a temporary file under ``.tmp/``, synced, and then given its name by
    link(2), which fails when the name is taken (`put_if_absent`), or by rename(2) (`put_file`); the folder is synced
    last. The file system must have hard links.
    """

    def __init__(self, root: Path, *, public_url: str | None = None) -> None:
        self._root = root.absolute()
        self._public = public_base(public_url) if public_url else None
        self._swept = False
        self._lock = threading.Lock()

    @property
    def uri(self) -> str:
        """``file:///…``."""
        return self._root.as_uri()

    def put_if_absent(self, key: str, data: bytes, *, content_type: str = "application/json") -> bool:  # noqa: ARG002 - a file's type is its suffix
        """See `Store.put_if_absent`. Two syncs: the bytes before the name, then the name."""
        target = self._target(key)
        with self._trouble(key, "written"):
            # A loser returns without the cost of a sync; link(2) below decides the races this misses.
            if target.is_file():
                return False
            with self._temporary() as temporary:
                with temporary.open("xb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                created = self._link(temporary, target)
            if created:
                sync_folder(target.parent)
            elif target.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            return created

    def put_file(self, key: str, path: Path, *, content_type: str) -> None:  # noqa: ARG002 - a file's type is its suffix
        """See `Store.put_file`."""
        target = self._target(key)
        with self._trouble(key, "written"):
            if size_of(target) == path.stat().st_size:
                return
            with self._temporary() as temporary:
                if path.parent == temporary.parent:
                    os.link(path, temporary)
                else:
                    shutil.copyfile(path, temporary)
                with temporary.open("rb") as file:
                    os.fsync(file.fileno())
                make_folder(target.parent)
                temporary.replace(target)
            sync_folder(target.parent)

    @contextlib.contextmanager
    def spool(self) -> Iterator[Path]:
        """See `Store.spool`."""
        with contextlib.ExitStack() as stack:
            with self._trouble(_TEMPORARY, "written"):
                path = stack.enter_context(self._temporary())
            yield path

    def get(self, key: str, *, limit: int = GET_LIMIT) -> bytes | None:
        """See `Store.get`."""
        target = self._target(key)
        with self._trouble(key, "read"), opened(target) as file:
            if file is None:
                return None
            data = file.read(limit + 1)
        if len(data) > limit:
            raise StoreError(f"{key} is larger than the {limit} bytes expected of it", key=key)
        return data

    def reader(self, key: str) -> BinaryIO:
        """See `Store.reader`."""
        target = self._target(key)
        with self._trouble(key, "read"):
            try:
                return target.open("rb")
            except ABSENT:
                raise StoreError(f"the store holds no object {key}", key=key) from None

    def download(self, key: str, into: Path) -> None:
        """See `Store.download`."""
        target = self._target(key)
        with self._trouble(key, "read"), opened(target) as file:
            if file is None:
                raise StoreError(f"the store holds no object {key}", key=key)
            with replacing(into) as copy:
                shutil.copyfileobj(file, copy, 1024 * 1024)

    def head(self, key: str) -> ObjectInfo | None:
        """See `Store.head`; the type is guessed from the suffix."""
        target = self._target(key)
        with self._trouble(key, "looked at"):
            try:
                found = target.stat()
            except ABSENT:
                return None
        if not stat.S_ISREG(found.st_mode):
            return None
        kind = mimetypes.guess_type(target.name)[0]
        return ObjectInfo(key, found.st_size, kind, datetime.fromtimestamp(found.st_mtime, UTC))

    def list(self, prefix: str, *, limit: int | None = None, after: str | None = None) -> Iterator[str]:
        """See `Store.list`. Reads one folder after another, and only folders that can hold matching keys."""
        # islice takes not one key more than asked for: the next one may lie behind many folders.
        return itertools.islice((key for key, _ in self._found(prefix, after)), limit)

    def scan(self, prefix: str) -> Iterator[ObjectInfo]:
        """See `Store.scan`."""
        return self._scanned(self._found(prefix))

    def _scanned(self, found: Iterator[tuple[str, os.DirEntry[str]]]) -> Iterator[ObjectInfo]:
        for key, entry in found:
            with self._trouble(key, "looked at"):
                try:
                    seen = entry.stat()
                except ABSENT:
                    continue  # deleted since its folder was read
            yield ObjectInfo(key, seen.st_size, None, datetime.fromtimestamp(seen.st_mtime, UTC))

    def delete(self, keys: Iterable[str]) -> None:
        """See `Store.delete`. Folders stay: another process may be about to write into one."""
        for key in [check_deletable(key) for key in keys]:
            with self._trouble(key, "deleted"), contextlib.suppress(*ABSENT):
                self._target(key).unlink()

    def url_for_others(self, key: str, *, seconds: int = DAY) -> str | None:  # noqa: ARG002 - a public base does not expire
        """See `Store.url_for_others`."""
        check_key(key)
        return join_url(self._public, key) if self._public else None

    def path(self, key: str) -> Path | None:
        """See `Store.path`."""
        return self._target(key)

    def _target(self, key: str) -> Path:
        return self._root / check_key(key)

    def _found(self, prefix: str, after: str | None = None) -> Iterator[tuple[str, os.DirEntry[str]]]:
        check_prefix(prefix)
        floor = "" if after is None else check_prefix(after)
        folder = prefix.rpartition("/")[0]
        return self._walk(f"{folder}/" if folder else "", prefix, floor)

    def _walk(self, folder: str, prefix: str, floor: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
        with self._trouble(folder or ".", "listed"):
            try:
                with os.scandir(self._root / folder) as entries:
                    # A folder sorts as its keys do, with the slash: `a-b` < `a/x` although `a` < `a-b`.
                    found = {f"{folder}{entry.name}{'/' if entry.is_dir() else ''}": entry for entry in entries}
            except ABSENT:
                return
        for name in sorted(name for name in found if _wanted(name, prefix, floor)):
            if name.endswith("/"):
                yield from self._walk(name, prefix, floor)
            else:
                yield name, found[name]

    @contextlib.contextmanager
    def _temporary(self) -> Iterator[Path]:
        folder = self._root / _TEMPORARY
        if not self._swept:
            make_folder(folder)
            with self._lock:
                if not self._swept:
                    sweep(folder)
                    self._swept = True
        temporary = folder / secrets.token_hex(16)
        try:
            yield temporary
        finally:
            temporary.unlink(missing_ok=True)

    @staticmethod
    def _link(temporary: Path, target: Path) -> bool:
        for made in (False, True):
            try:
                os.link(temporary, target)
            except FileExistsError:
                # A network file system may repeat a link whose answer was lost: two names say that it was ours.
                return temporary.stat().st_nlink == 2
            except FileNotFoundError:
                if made:
                    raise
                make_folder(target.parent)
            else:
                return True
        return False

    @contextlib.contextmanager
    def _trouble(self, key: str, done: str) -> Iterator[None]:
        """Tell an error of the file system as one of the store."""
        try:
            yield
        except OSError as error:
            reason = error.strerror or type(error).__name__
            message = f"{key} could not be {done} in {self.uri}: {reason}"
            step = ""
            if error.errno in {errno.EPERM, errno.ENOTSUP, errno.EMLINK} and done == "written":
                step = "the folder must be writable and on a file system with hard links"
            elif error.errno in {errno.EACCES, errno.EROFS}:
                step = "let this user read and write the folder, or set LONGTAKE_STORE to another one"
            elif error.errno in {errno.ENOSPC, errno.EDQUOT}:
                step = "free disk space, then run again"
            raise StoreError(message, key=key, next_step=step) from error


def _wanted(name: str, prefix: str, floor: str) -> bool:
    if name.endswith("/"):
        # Keys below this folder begin with `name`: does one of them begin with `prefix` and come after `floor`?
        matches = name.startswith(prefix) or prefix.startswith(name)
        return matches and (name > floor or floor.startswith(name)) and is_key(name[:-1])
    return name.startswith(prefix) and name > floor and is_key(name)
