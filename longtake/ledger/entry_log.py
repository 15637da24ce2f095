"""The log on a store: write-once objects with one order for every writer on every machine.

``ledger/<account>/<sequence>.json`` is an entry; it is created at the next free number only if nothing lies there, and
a writer that loses reads on and decides again. Every `CHECKPOINT_EVERY` entries the state is written next to them under
``ledger/<account>/checkpoints/``, named so that the newest is the first in a listing: a reader needs one listing of one
key, one checkpoint and at most `CHECKPOINT_EVERY` entries, however long the log is. They lie in folders of `_FOLDER`
sequence numbers, since to list one file of a folder on disk is to read all its names. A checkpoint is a pure function of
the entries before it: when its writer died before writing it, the first reader past that place writes the same.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from longtake.errors import LedgerError, LedgerGapError, StoreError
from longtake.ledger import entries as e
from longtake.ledger import fold
from longtake.ledger.checkpoint import checkpoint_of, closed_in, state_in, whole
from longtake.ledger.fold import CHECKPOINT_EVERY
from longtake.ledger.state import LedgerState
from longtake.store import GET_LIMIT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from longtake.ledger.attempt import Closed
    from longtake.store import Store

_log = logging.getLogger("longtake.ledger")

_READ_AHEAD = 16
_NINES = 10**12 - 1
_FOLDER = 10**4
_CHECKPOINT_LIMIT = 64 * 1024 * 1024


class EntryLog:
    """One account's log. Thread-safe; several instances in several processes share one order through the store."""

    def __init__(self, store: Store, account: str) -> None:
        self.store = store
        self.account = account
        self._prefix = f"ledger/{account}/"
        self._state = LedgerState()
        self._last: str | None = None
        """Digest of the entry at the head; None where this instance has not seen its bytes."""
        self._lock = threading.RLock()
        self._started = False

    # -- reading -----------------------------------------------------------------------------------------------------

    def read(self) -> LedgerState:
        """The state now, as a copy of its own.

        Raises:
            LedgerError: an object of the log cannot be read.
            LedgerGapError: entries are missing though later ones exist.
            StoreError: the store is away.
        """
        with self._lock:
            self._catch_up()
            return self._state.copied()

    def read_as_far(self) -> LedgerState:
        """The state up to the first entry that is missing or unreadable. For accounts other than the paying one.

        Raises:
            StoreError: the store is away.
        """
        try:
            return self.read()
        except LedgerError as error:
            state = self.known()
            _log.warning("the ledger of account %s counts up to entry %s: %s", self.account, state.head, error.message)
            return state

    def known(self) -> LedgerState:
        """The state as far as this instance has read or written, without asking the store."""
        with self._lock:
            return self._state.copied()

    def entry(self, sequence: int) -> e.Entry | None:
        """The entry at a place, None where the log does not reach."""
        key = self._key(sequence)
        data = self.store.get(key)
        return None if data is None else e.parse(data, key=key)

    def entries(self) -> Iterator[tuple[int, e.Entry]]:
        """All entries in order: for people and for exports; decisions use `read`."""
        sequence = 1
        while (entry := self.entry(sequence)) is not None:
            yield sequence, entry
            sequence += 1

    def names(self) -> tuple[set[int], set[int]]:
        """Return the numbers of all entries and of all checkpoints that the store lists."""
        entries, checkpoints = set[int](), set[int]()
        for key in self.store.list(self._prefix):
            folder, _, name = key.removeprefix(self._prefix).removesuffix(".json").rpartition("/")
            if name.isdigit():
                checkpoints.add(_NINES - int(name)) if folder else entries.add(int(name))
        return entries, checkpoints

    def raw(self, sequences: Sequence[int]) -> list[bytes | None]:
        """Return entries as they lie in the store, None for each that is not there."""
        return self._get([self._key(sequence) for sequence in sequences])

    def raw_checkpoint(self, sequence: int) -> bytes | None:
        """Return the checkpoint behind an entry as it lies in the store."""
        return self.store.get(self._checkpoint_key(sequence), limit=_CHECKPOINT_LIMIT)

    def history(self, *, since: int = 0, until: int | None = None) -> Iterator[Closed]:
        """Closed attempts in the order they closed, from the checkpoints and the entries behind the last.

        Args:
            since: attempts that closed in entries up to here may be left out (as far as checkpoints allow).
            until: the last entry to look at; None for all.
        """
        head = self.read().head if until is None else until
        done = min(since, head) // CHECKPOINT_EVERY * CHECKPOINT_EVERY
        state, known = LedgerState(), self.known()
        while done < head:
            ends = range(done + CHECKPOINT_EVERY, head + 1, CHECKPOINT_EVERY)[:_READ_AHEAD]
            keys = [self._checkpoint_key(end) for end in ends]
            # At the end there is no checkpoint yet.
            for data in self._get(keys, limit=_CHECKPOINT_LIMIT) if keys else [None]:
                end = min(done + CHECKPOINT_EVERY, head)
                closed = closed_in(data)
                if closed is None and known.head == end:
                    closed = known.closed  # read already, entry by entry
                if closed is None:
                    state = self._fold(state if state.head == done else self._load(done), end)
                    closed = state.closed
                yield from closed
                done = end

    # -- writing -----------------------------------------------------------------------------------------------------

    def append(self, decide: Callable[[LedgerState], e.Entry | None]) -> int | None:
        """Write what `decide` makes of the state, at the place right behind that state.

        `decide` is called again, with a newer state, each time another writer was quicker. It must not change the state; it
        may return None to write nothing, or raise.

        Returns:
            The entry's sequence number, None when nothing was written.

        Raises:
            LedgerGapError: entries are missing though later ones exist, found before an intent.
            StoreError: it is unknown whether the entry was written (the next `read` shows it).
        """
        with self._lock:
            while True:
                self._catch_up()
                entry = decide(self._state)
                if entry is None:
                    return None
                sequence = self._state.head + 1
                if isinstance(entry, e.Intent):
                    self._check_gap()
                data = e.dump(entry.model_copy(update={"before": self._digest()}))
                if self.store.put_if_absent(self._key(sequence), data):
                    self._apply(sequence, entry, data)
                    return sequence

    def write_lost(self, sequence: int, entry: e.Lost) -> bool:
        """Write at the place of an entry that is missing that it is lost; False where an entry is there.

        Raises:
            StoreError: it is unknown whether it was written.
        """
        return self.store.put_if_absent(self._key(sequence), e.dump(entry))

    def write_checkpoint(self, state: LedgerState, last: str | None) -> bool:
        """Write the checkpoint behind any entry, from a state that was folded from the entries; False where one is there.

        Raises:
            StoreError: it is unknown whether it was written.
        """
        return self.store.put_if_absent(self._checkpoint_key(state.head), checkpoint_of(state, last))

    # -- inside ------------------------------------------------------------------------------------------------------

    def _key(self, sequence: int) -> str:
        return f"{self._prefix}{sequence:012d}.json"

    def _checkpoint_key(self, sequence: int) -> str:
        down = _NINES - sequence
        return f"{self._prefix}checkpoints/{down // _FOLDER:08d}/{down:012d}.json"

    def _gap(self, sequence: int) -> LedgerGapError:
        return LedgerGapError(
            f"entry {sequence} of {self.account} is missing though later ones exist", key=self._key(sequence)
        )

    def _refilled(self, sequence: int) -> LedgerGapError:
        return LedgerGapError(
            f"entry {sequence} of {self.account} is not the one that entry {sequence + 1} names before it: that one is lost",
            key=self._key(sequence),
        )

    def _check_gap(self) -> None:
        """Raise where entries lie behind the place that comes next.

        Without this the fold would end at a lost entry, and what the lost one claimed would be bought again.
        """
        place = self._state.head + 1
        behind = next(self.store.list(self._prefix, limit=1, after=self._key(place)), "")
        name = behind.removeprefix(self._prefix).removesuffix(".json")
        # Another writer may just have written this place, and the one behind it.
        if name.isdigit() and self.store.get(self._key(place)) is None:
            raise self._gap(place)

    def _digest(self) -> str | None:
        if self._last is None and self._state.head:
            data = self.store.get(self._key(self._state.head))
            self._last = None if data is None else e.digest_of(data)
        return self._last

    def _load(self, sequence: int) -> LedgerState | None:
        data = self.raw_checkpoint(sequence)
        # Where it is of another release the entries say the same: it is only a shortcut.
        return None if data is None else state_in(data)

    def _start(self) -> None:
        """Begin at the newest checkpoint that is whole."""
        folder, after = f"{self._prefix}checkpoints/", None
        while (key := next(self.store.list(folder, limit=1, after=after), None)) is not None:
            data = self.raw_checkpoint(_NINES - int(key.rpartition("/")[2].removesuffix(".json")))
            if data is not None and (found := whole(data)) is not None:
                self._state, self._last = found.state, found.last
                return
            after = key

    def _fold(self, state: LedgerState | None, end: int) -> LedgerState:
        """The state at `end`, from an earlier one or from the first entry."""
        state = state or LedgerState()
        while state.head < end:
            sequences = range(state.head + 1, end + 1)[:_READ_AHEAD]
            for sequence, data in zip(sequences, self._get([self._key(s) for s in sequences]), strict=True):
                if data is None:
                    raise self._gap(sequence)
                fold.apply(state, sequence, e.parse(data, key=self._key(sequence)))
        return state

    def _get(self, keys: Sequence[str], *, limit: int = GET_LIMIT) -> list[bytes | None]:
        """Several objects: at once, unless they are files of this machine."""
        if len(keys) == 1 or self.store.path(keys[0]) is not None:
            return [self.store.get(key, limit=limit) for key in keys]
        with ThreadPoolExecutor(len(keys)) as pool:
            return list(pool.map(lambda key: self.store.get(key, limit=limit), keys))

    def _catch_up(self) -> None:
        if not self._started:
            self._start()
        width = 1
        while True:
            wanted = [self._key(self._state.head + 1 + i) for i in range(width)]
            for key, data in zip(wanted, self._get(wanted), strict=True):
                if data is None:
                    if not self._started:
                        self._check_gap()
                        self._started = True
                    return
                entry = e.parse(data, key=key)
                if self._last is not None and entry.before not in {None, self._last}:
                    raise self._refilled(self._state.head)
                self._apply(self._state.head + 1, entry, data)
            width = 1 if self.store.path(wanted[0]) is not None else _READ_AHEAD

    def _apply(self, sequence: int, entry: e.Entry, data: bytes) -> None:
        fold.apply(self._state, sequence, entry)
        # The entry behind a lost one names the one that was there.
        self._last = None if isinstance(entry, e.Lost) else e.digest_of(data)
        if sequence % CHECKPOINT_EVERY == 0:
            body = checkpoint_of(self._state, self._last)
            # Only a shortcut: failing to write it must not look like failing to write the entry.
            with contextlib.suppress(StoreError):
                self.store.put_if_absent(self._checkpoint_key(sequence), body)
