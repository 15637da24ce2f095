"""What a store holds of one film, read with few requests whatever the number of shots.

Which takes exist is known from two listings (names, and what they are takes of). Their records are read from the film's last
snapshot, one object for all shots, and only those it lacks one by one: a snapshot may be old or gone, then reading takes
longer and finds the same. A record that is not in the listing does not count, whatever a snapshot says.
"""

from __future__ import annotations

import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Literal

from pydantic import ValidationError

from longtake.frozen import Frozen
from longtake.ledger.accounts import SpendSums
from longtake.library import inputs, revisions
from longtake.library import take as record
from longtake.library.edits import Edits
from longtake.library.take import Take

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from longtake.library.revisions import Revision
    from longtake.store import Store

_READERS = 16
_SNAPSHOT_LIMIT = 256 * 1024**2
_NINES = 10**14 - 1


class Snapshot(Frozen):
    """What a run left: which take each shot used, and the records of all takes it knew."""

    v: Literal[1] = 1
    run: str
    used: dict[str, str]
    """Shot id to the fingerprint of the take that was used."""
    labels: dict[str, str]
    """Shot id to `scene/shot`."""
    whole: bool = True
    """Whether that run had every take it wanted."""
    takes: tuple[Take, ...]
    sums: SpendSums | None = None
    """What the film's attempts had cost, so that the next run need not read them all again."""


class TakeNames:
    """Which takes a store holds, by what they are takes of: two listings, however many films are read.

    Raises:
        StoreError: the store is away.
    """

    def __init__(self, store: Store) -> None:
        self.there = frozenset(_name(key) for key in store.list("takes/"))
        self.of: dict[str, set[str]] = {}
        for key in store.list(record.DESCRIPTIONS):
            description, name = key.removeprefix(record.DESCRIPTIONS).split("/", 1)
            if (fingerprint := _name(name)) in self.there:
                self.of.setdefault(description, set()).add(fingerprint)


class TakeLibrary:
    """The kept takes of a film's shots, what was decided on them, and what its last run used.

    Args:
        store: None when there is none yet.
        film: the film's slug.
        names: which takes the store holds, where that was listed for several films; by default it is listed for this one.
    """

    def __init__(self, store: Store | None, film: str, names: TakeNames | None = None) -> None:
        self.store = store
        self.film = film
        self._names = names
        self.revisions: dict[tuple[str, str], list[Revision]] = {}
        self.snapshot: Snapshot | None = None
        self.edits = Edits()
        """What a user's own steps made of the takes; takes are given as the steps left them."""
        self._takes: dict[str, Take] = {}
        self._of: dict[str, set[str]] = {}
        self._there: frozenset[str] = frozenset()
        self._loaded: frozenset[str] = frozenset()
        self._served: Callable[[str], str | None] | None = None

    def of(self, description: str) -> list[Take]:
        """The kept takes of a shot as described, the newest last."""
        found = [take for name in self._of.get(description, ()) if (take := self.take(name)) is not None]
        return sorted(found, key=lambda take: (take.kept_at, take.fingerprint))

    def take(self, fingerprint: str) -> Take | None:
        """A kept take by its fingerprint, as the steps left it."""
        found = self.original(fingerprint)
        return None if found is None else self.edits.applied(found)

    def original(self, fingerprint: str) -> Take | None:
        """A kept take by its fingerprint, as it was ingested."""
        if fingerprint not in self._takes and fingerprint in self._there and self.store is not None:
            # Not a take of a shot as it is described today, or kept before the current form of descriptions.
            found = record.load(self.store, fingerprint)
            if found is not None:
                self._takes[fingerprint] = found
        return self._takes.get(fingerprint)

    def leaving(self, frame: str) -> Take | None:
        """A loaded take whose handed-on frame has this SHA-256."""
        takes = (self.take(name) for name in list(self._takes))
        return next((take for take in takes if take is not None and take.leaves.sha256 == frame), None)

    def used_before(self, shot: str) -> Take | None:
        """The take a shot used when a run last looked; its description may be another than today's."""
        return None if self.snapshot is None else self.take(self.snapshot.used.get(shot, ""))

    def decided(self, shot: str, description: str) -> list[Revision]:
        """The decisions on a shot as it is described, the oldest first."""
        return self.revisions.get((shot, description), [])

    def last_retake(self, shot: str, description: str) -> Revision | None:
        """The last decision to buy or to use a take of the shot as it is described."""
        return next((one for one in reversed(self.decided(shot, description)) if one.redo), None)

    def served(self, url: str) -> str | None:
        """The SHA-256 of what an input URL served when a run last read it."""
        if self.store is None:
            return None
        if self._served is None:
            self._served = inputs.all_remembered(self.store)
        return self._served(url)

    def add(self, take: Take) -> None:
        """Count a take that was kept since."""
        self._takes[take.fingerprint] = take
        self._of.setdefault(take.description, set()).add(take.fingerprint)

    def decide(self, revision: Revision) -> None:
        """Apply a decision: a written one, or one that a plan assumes."""
        self.revisions.setdefault((revision.shot, revision.description), []).append(revision)

    def load(self, descriptions: Iterable[str]) -> None:
        """Read what there is of these descriptions.

        Raises:
            StoreError: the store is away, or holds something that is not what its name says.
        """
        wanted = frozenset(descriptions)
        if self.store is None or wanted <= self._loaded:
            return
        self._loaded = wanted
        listed = self._names or TakeNames(self.store)
        self._there = there = listed.there
        for description in wanted & listed.of.keys():
            self._of.setdefault(description, set()).update(listed.of[description])
        names = {name for group in self._of.values() for name in group}
        if self.snapshot is not None:
            names |= there.intersection(self.snapshot.used.values())
            self._takes |= {take.fingerprint: take for take in self.snapshot.takes if take.fingerprint in names}
        missing = [name for name in names if name not in self._takes]
        if not missing:
            return
        with ThreadPoolExecutor(_READERS, thread_name_prefix="longtake-read") as pool:
            store = self.store
            for take in pool.map(lambda name: record.load(store, name), missing):
                if take is not None:
                    self._takes[take.fingerprint] = take

    def save(
        self,
        *,
        run: str,
        used: Mapping[str, str],
        labels: Mapping[str, str],
        sums: SpendSums | None = None,
        whole: bool = True,
    ) -> None:
        """Leave a snapshot for the next reader, if it says something new. Sums that moved a little are not news.

        A run without any take leaves one only where the sums save the next run from reading a long ledger.

        Raises:
            StoreError: the store is away.
        """
        if self.store is None or not (used or (sums is not None and sums.is_far())):
            return
        names = {name for group in self._of.values() for name in group} | set(used.values())
        takes = tuple(self._takes[name] for name in sorted(names) if name in self._takes)
        old = self.snapshot
        known = old.sums if old is not None else None
        new = Snapshot(run=run, used=dict(used), labels=dict(labels), takes=takes, sums=sums or known, whole=whole)
        moved = sums is not None and (known is None or sums.is_far_from(known))
        if old is not None and not moved and new.model_copy(update={"run": old.run, "sums": known}) == old:
            return
        name = f"{_NINES - int(time.time() * 1000):014d}-{secrets.token_hex(4)}"
        self.store.put_if_absent(f"{_folder(self.film)}{name}.json", new.model_dump_json().encode())
        self.snapshot = new


def read(store: Store | None, film: str, names: TakeNames | None = None) -> TakeLibrary:
    """The last snapshot and the decisions of a film; `TakeLibrary.load` then reads its takes.

    Raises:
        StoreError: the store is away.
    """
    take_library = TakeLibrary(store, film, names)
    if store is None:
        return take_library
    take_library.revisions = revisions.read(store, film)
    key = next(store.list(_folder(film), limit=1), None)
    if key is not None:
        try:
            take_library.snapshot = Snapshot.model_validate_json(store.get(key, limit=_SNAPSHOT_LIMIT) or b"")
        except ValidationError:
            take_library.snapshot = None  # of another release: the takes are read one by one
    return take_library


def _folder(film: str) -> str:
    return f"films/{film}/state/"


def _name(key: str) -> str:
    return key.rpartition("/")[2].removesuffix(".json")
