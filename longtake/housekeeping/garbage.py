"""Garbage: objects that nothing needs. Ledgers, takes, descriptions, decisions and films are never any.

What may be garbage is listed first, then everything that names objects is read, and what came since is read right before each
thousand is removed: what is named meanwhile stays. A run writes some objects before it names them, so young ones stay too, and all
media that came since the oldest attempt under way began.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from longtake.housekeeping.named_objects import Names

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from longtake.store import ObjectInfo, Store

_MEDIA = re.compile(r"(?:media|tails)/([0-9a-f]{64})\.[A-Za-z0-9]{1,8}\Z")
"""Media by digest; a tail has the digest of its clip, and goes with it."""
_FILM = re.compile(r"(films/[^/]+/[0-9a-f]{32})/.")
_LATEST = re.compile(r"(films/[^/]+/state|inputs/[0-9a-f]{32})/[^/]+\.json\Z")
_KEPT = re.compile(
    r"(accounts|ledger|sets|takes|descriptions|boards|films/[^/]+/(revisions|edits|remarks|agreed|questions))/"
)
_FRAME = re.compile(r"frames/([^/]+)/(a[0-9]+)\.json\Z")
"""The last frame of an attempt: needed until its take is kept, which names the frame itself."""
_LEFT = re.compile(r"probe/")
_CLOCKS = timedelta(hours=1)
"""How far the clocks of a store and of a run may be apart."""
_AT_WORK = timedelta(hours=1)
"""The least age of objects that are swept, whatever was asked for, because an upload or a race in progress still needs them."""
BATCH = 1000


@dataclass(frozen=True, slots=True)
class Garbage:
    """An object nothing needs: its size in bytes, when it was written (UTC), and what it was."""

    key: str
    size: int
    modified: datetime
    what: str


@dataclass(frozen=True, slots=True)
class Survey:
    """What a look at a store found.

    Attributes:
        garbage: by key.
        objects: how many objects there are in all.
        young: unneeded objects that are left because they are young.
        held: media that nothing names and that are left because an attempt is under way.
        unknown: objects of which Longtake knows nothing; they are never touched.
    """

    garbage: tuple[Garbage, ...]
    objects: int
    young: int
    held: int
    unknown: int
    names: Names

    @property
    def bytes(self) -> int:
        """The size of all garbage."""
        return sum(one.size for one in self.garbage)


def survey(
    store: Store,
    *,
    older_than: timedelta,
    on_progress: Callable[[str, int], None] = lambda _what, _done: None,
) -> Survey:
    """Look for garbage; nothing is removed.

    Args:
        store: where.
        older_than: objects younger than this are left: a run may be about to name them.
        on_progress: called with what is being read, and how many objects of it have been.

    Raises:
        StoreError, LedgerError: something that may name objects cannot be read.
    """
    now = datetime.now(UTC)
    before = now - older_than
    sorting = _Sorting(now, before)
    for number, info in enumerate(store.scan(""), 1):
        sorting.add(info)
        on_progress("objects", number)
    sorting.end()
    names = Names(store, on_progress)
    # Before the takes: an attempt that closes while these are read is in them.
    since = names.open_since()
    names.read()
    found, held = [*sorting.garbage], 0
    for attempt, one in sorting.frames:
        if attempt not in names.open:
            if one.modified > before:
                sorting.young += 1
            else:
                found.append(one)
    for digest, one in sorting.media:
        if digest in names:
            continue
        if _held(one, since):
            held += 1
        elif one.modified > before:
            sorting.young += 1
        else:
            found.append(one)
    return Survey(
        garbage=tuple(sorted(found, key=lambda one: one.key)),
        objects=sorting.objects,
        young=sorting.young,
        held=held,
        unknown=sorting.unknown,
        names=names,
    )


def clear(store: Store, found: Survey) -> tuple[Garbage, ...]:
    """Remove what a survey found, but for what was named since; gives what was removed.

    Raises:
        StoreError, LedgerError: something that may name objects cannot be read, or the store failed at removing; a part may be
            removed by then, and only garbage.
    """
    gone: list[Garbage] = []
    for start in range(0, len(found.garbage), BATCH):
        batch = _still(store, found.names, found.garbage[start : start + BATCH])
        store.delete([one.key for one in batch])
        gone += batch
    return tuple(gone)


def _still(store: Store, names: Names, garbage: Sequence[Garbage]) -> list[Garbage]:
    """What nothing needs even now; only what came since is read."""
    since = names.open_since()
    names.read()
    films: dict[str, bool] = {}
    still = []
    for one in garbage:
        media, film = _MEDIA.match(one.key), _FILM.match(one.key)
        if media is not None:
            if media[1] in names or _held(one, since):
                continue
        elif film is not None:
            if film[1] not in films:
                films[film[1]] = any(key.endswith("/manifest.json") for key in store.list(f"{film[1]}/"))
            if films[film[1]]:
                continue
        still.append(one)
    return still


def _held(one: Garbage, since: datetime | None) -> bool:
    """Whether an attempt that is under way may have brought it."""
    return since is not None and one.modified > since - _CLOCKS


class _Sorting:
    """Sorts a listing, which is in the order of keys, into garbage, media that may be some, and what stays."""

    def __init__(self, now: datetime, before: datetime) -> None:
        self.garbage: list[Garbage] = []
        self.media: list[tuple[str, Garbage]] = []
        self.frames: list[tuple[tuple[str, str], Garbage]] = []
        self.objects = self.young = self.unknown = 0
        self._now, self._before = now, before
        self._latest = ""
        self._film = ""
        self._files: list[ObjectInfo] = []

    def add(self, info: ObjectInfo) -> None:
        """Take the next object."""
        self.objects += 1
        key = info.key
        film = _FILM.match(key)
        if self._film != (film[1] if film is not None else ""):
            self.end()
            self._film = film[1] if film is not None else ""
        if film is not None:
            self._files.append(info)
        elif media := _MEDIA.match(key):
            self.media.append((media[1], _as(info, "media that nothing names")))
        elif frame := _FRAME.match(key):
            self.frames.append(((frame[1], frame[2]), _as(info, "the last frame of an attempt that is closed")))
        elif latest := _LATEST.match(key):
            # The newest is the first in the listing.
            if latest[1] == self._latest:
                self._found([info], "an older snapshot" if key.startswith("films/") else "an older record of an input")
            self._latest = latest[1]
        elif _LEFT.match(key):
            what = "left by a probe" if key.startswith("probe/") else "an unfinished upload"
            self._found([info], what, before=min(self._before, self._now - _AT_WORK))
        elif not _KEPT.match(key):
            self.unknown += 1

    def end(self) -> None:
        """No more files of this film come."""
        files, self._files = self._files, []
        if not any(info.key.endswith("/manifest.json") for info in files):
            self._found(files, "of a film without a manifest")

    def _found(self, infos: Sequence[ObjectInfo], what: str, *, before: datetime | None = None) -> None:
        """Garbage that belongs together: all of it when all is old enough."""
        if all(info.modified <= (before or self._before) for info in infos):
            self.garbage.extend(_as(info, what) for info in infos)
        else:
            self.young += len(infos)


def _as(info: ObjectInfo, what: str) -> Garbage:
    return Garbage(info.key, info.size, info.modified, what)
