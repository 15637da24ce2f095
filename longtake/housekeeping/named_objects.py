"""Which media are named: by takes, films, decisions on shots, remembered inputs, and everything that was ever asked for.

Any SHA-256 that stands anywhere in one of these objects names the media of that digest, whatever release wrote it. What cannot be
read ends the reading: nothing counts as unnamed for want of an answer.
"""

from __future__ import annotations

import json
import re
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from longtake import manifest as manifests
from longtake.errors import StoreError
from longtake.ledger import EntryLog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future
    from datetime import datetime

    from longtake.store import Store

_READERS = 16
_NAME = re.compile(r"[0-9a-f]{64}")
_DIGEST = re.compile(rb"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")


class Names:
    """The digests that are named in a store. `read` may be called again and then reads only what came since.

    Args:
        store: whose.
        on_progress: called with what is being read, and how many objects of it have been.
    """

    def __init__(self, store: Store, on_progress: Callable[[str, int], None]) -> None:
        self._store = store
        self._progress = on_progress
        # 32 bytes for each: a large store has some hundred thousand.
        self._digests: set[bytes] = set()
        self._takes: set[bytes] = set()
        self._films: set[str] = set()
        self._boards: set[str] = set()
        """Storyboards that a run dispatched: another worker may be about to read the files they name."""
        self._ledgers: dict[str, str] = {}
        self.open: set[tuple[str, str]] = set()
        """The attempts that `open_since` found open, by account and id."""

    def __contains__(self, digest: str) -> bool:
        return bytes.fromhex(digest) in self._digests

    def open_since(self) -> datetime | None:
        """When the oldest attempt began that may be bringing media now: they lie in the store before a take names them.

        Raises:
            StoreError, LedgerError: a ledger cannot be read.
        """
        attempts = [
            (account, attempt)
            for account in self._accounts()
            for attempt in EntryLog(self._store, account).read().attempts.values()
        ]
        self.open = {(account, attempt.id) for account, attempt in attempts}
        return min((one.at for _, one in attempts if one.phase in {"accepted", "completed"}), default=None)

    def read(self) -> None:
        """Read everything that names media.

        Raises:
            StoreError: the store is away, or an object is not what its key says.
        """
        self._read("films", self._of_films())
        self._read("ledger", self._of_ledgers())
        # Last: most takes were seen whole in a film or in a snapshot by now.
        self._read("takes", self._of_takes())
        self._read("boards", self._new("boards/", self._boards))
        for key in self._store.list("inputs/"):
            self._digests.update(map(bytes.fromhex, _NAME.findall(key)))

    def _accounts(self) -> list[str]:
        found: list[str] = []
        while key := next(self._store.list("ledger/", limit=1, after=f"ledger/{found[-1]}0" if found else None), None):
            found.append(key.split("/")[1])
        return found

    def _of_films(self) -> Iterator[str]:
        """Manifests, decisions, edits, and each film's newest snapshot."""
        last = ""
        for key in self._store.list("films/"):
            film, _, rest = key.removeprefix("films/").partition("/")
            newest = rest.startswith("state/") and film != last
            last = film if newest else last
            if (
                newest or rest.startswith(("revisions/", "edits/")) or rest.endswith("/manifest.json")
            ) and key not in self._films:
                self._films.add(key)
                yield key

    def _of_ledgers(self) -> Iterator[str]:
        """Entries behind the last that was read, of every account; checkpoints say nothing that entries do not."""
        for account in self._accounts():
            prefix = f"ledger/{account}/"
            for key in self._store.list(prefix, after=self._ledgers.get(account)):
                if not key.startswith(f"{prefix}checkpoints/"):
                    self._ledgers[account] = key
                    yield key

    def _of_takes(self) -> Iterator[str]:
        for key in self._store.list("takes/"):
            name = key.removeprefix("takes/").removesuffix(".json")
            if not _NAME.fullmatch(name):
                yield key
            elif bytes.fromhex(name) not in self._takes:
                self._takes.add(bytes.fromhex(name))
                yield key

    def _new(self, prefix: str, seen: set[str]) -> Iterator[str]:
        for key in self._store.list(prefix):
            if key not in seen:
                seen.add(key)
                yield key

    def _read(self, what: str, keys: Iterable[str]) -> None:
        for number, (key, data) in enumerate(self._fetched(keys), 1):
            self._note(key, data)
            self._progress(what, number)

    def _note(self, key: str, data: bytes) -> None:
        try:
            found = json.loads(data)
        except ValueError:
            raise StoreError(
                f"{key} cannot be read, so it is not known which media it names",
                next_step="nothing was removed; restore the object from a backup and run again",
                key=key,
            ) from None
        self._digests.update(bytes.fromhex(name.decode()) for name in _DIGEST.findall(data))
        if key.startswith("films/"):
            self._takes.update(_fingerprints(found))

    def _fetched(self, keys: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Yield objects by key; several are read at once, and few are in memory."""
        waiting: deque[tuple[str, Future[bytes | None]]] = deque()
        with ThreadPoolExecutor(_READERS, thread_name_prefix="longtake-read") as pool:
            try:
                for key in keys:
                    waiting.append((key, pool.submit(self._store.get, key, limit=manifests.LIMIT)))
                    if len(waiting) == _READERS:
                        yield from _first(waiting)
                while waiting:
                    yield from _first(waiting)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise


def _first(waiting: deque[tuple[str, Future[bytes | None]]]) -> Iterator[tuple[str, bytes]]:
    key, future = waiting.popleft()
    data = future.result()
    if data is not None:  # a snapshot that another `longtake gc` removed since it was listed
        yield key, data


def _fingerprints(found: Any) -> Iterator[bytes]:  # noqa: ANN401 - JSON of any release
    """The takes that lie whole in a manifest or a snapshot: their records say the same and need not be read."""
    if isinstance(found, dict):
        if {"fingerprint", "request", "clip", "last_frame"} <= found.keys():
            if _NAME.fullmatch(str(found["fingerprint"])):
                yield bytes.fromhex(found["fingerprint"])
            return
        found = [*found.values()]
    if isinstance(found, list):
        for one in found:
            if isinstance(one, dict | list):
                yield from _fingerprints(one)
