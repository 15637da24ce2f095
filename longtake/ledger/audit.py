"""Reading a whole log to see whether it is intact: what decisions take on trust is checked here entry by entry."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from longtake.errors import LedgerError
from longtake.ledger import entries as e
from longtake.ledger import fold
from longtake.ledger.checkpoint import state_in
from longtake.ledger.fold import CHECKPOINT_EVERY
from longtake.ledger.state import LedgerState

if TYPE_CHECKING:
    from longtake.ledger.entry_log import EntryLog

_SIDE_BY_SIDE = 16


@dataclass(slots=True)
class LogAudit:
    """What a log holds. An intact log has no `problems`; `notes` are about checkpoints that readers do without.

    Both have one sentence each, in the order of the log.
    """

    entries: int = 0
    checkpoints: int = 0
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    missing: list[int] = field(default_factory=list)
    """Numbers of entries that are missing though later ones, or a checkpoint, exist."""
    state: LedgerState | None = None
    """What the entries come to; None behind an entry that is missing or cannot be read."""
    last: str | None = None
    """The digest of the last entry."""
    readable: bool = True
    """Whether the newest checkpoint, where there is one, says what the entries do."""


def audit(log: EntryLog) -> LogAudit:
    """Read all of a log: every entry parses, none is missing, each names the one before it, each checkpoint equals the fold.

    Raises:
        StoreError: the store is away.
    """
    numbers, checkpoints = log.names()
    reading = _Reading(log, checkpoints, max([0, *numbers]))
    reading.all()
    return reading.found


class _Reading:
    """One pass over a log."""

    def __init__(self, log: EntryLog, checkpoints: set[int], top: int) -> None:
        self.log, self.checkpoints, self.top = log, checkpoints, top
        self.found = LogAudit()
        self.state: LedgerState | None = LedgerState()
        self.before: str | None = None
        """The digest that the next entry has to name; None where that is not known."""
        self.lost = False
        """Whether an entry was marked as lost since the last checkpoint."""
        self.about: dict[str, list[str]] = {}
        """What later entries say of attempts whose intent is missing."""

    def all(self) -> None:
        for first in range(1, self.top + 1, _SIDE_BY_SIDE):
            places = range(first, min(first + _SIDE_BY_SIDE, self.top + 1))
            for sequence, data in zip(places, self.log.raw(places), strict=True):
                self._entry(sequence, data)
                if sequence in self.checkpoints or sequence % CHECKPOINT_EVERY == 0:
                    self._checkpoint(sequence)
        found = self.found
        found.problems += [f"entry {n} is missing{self._about(n)}" for n in found.missing]
        found.problems.sort(key=lambda text: int("".join(c if c.isdigit() else " " for c in text).split()[0]))
        for sequence in sorted(self.checkpoints):
            if sequence > self.top:
                found.problems.append(
                    f"checkpoint {sequence} exists, but entries {self.top + 1} to {sequence} are missing"
                )
        found.missing += range(self.top + 1, max([self.top, *self.checkpoints]) + 1)
        if self.state is not None:
            found.problems += [
                f"entry {n} is lost, and what it bought is unknown{self._about(n)}: settle it with `longtake credits resolve a{n}`"
                for n in self.state.lost
            ]
        found.state, found.last = self.state, self.before

    def _about(self, sequence: int) -> str:
        said = self.about.get(f"a{sequence}")
        return f" (it was a purchase: {', '.join(said)})" if said else ""

    def _entry(self, sequence: int, data: bytes | None) -> None:
        before, self.before = self.before, None
        if data is None:
            self.found.missing.append(sequence)
            self.state = None
            return
        self.found.entries += 1
        try:
            entry = e.parse(data, key=f"entry {sequence}")
        except LedgerError as error:
            self.found.problems.append(error.message)
            self.state, self.before = None, e.digest_of(data)
            return
        if entry.before is not None and before is not None and entry.before != before:
            self.found.problems.append(f"entry {sequence - 1} is not the one that entry {sequence} names before it")
        if isinstance(entry, e.Lost):
            self.lost = True
        else:
            self.before = e.digest_of(data)
        attempt = getattr(entry, "attempt", None)
        if attempt is not None and (self.state is None or attempt not in self.state.attempts):
            task = getattr(entry, "task_id", None)
            said = f"entry {sequence} says {entry.kind}" + (f" as task {task}" if task else "")
            self.about.setdefault(attempt, []).append(said)
        if self.state is not None:
            fold.apply(self.state, sequence, entry)

    def _checkpoint(self, sequence: int) -> None:
        """Compare a checkpoint with the fold so far; behind a hole go on from it."""
        found, lost = self.found, self.lost
        if sequence not in self.checkpoints:
            found.notes.append(f"checkpoint {sequence} is missing; the next reader that passes it writes it again")
            return
        self.lost = False
        found.checkpoints += 1
        data = self.log.raw_checkpoint(sequence)
        saved = None if data is None else state_in(data)
        found.readable = saved is not None
        if saved is None:
            found.notes.append(f"checkpoint {sequence} is damaged, or another release wrote it; readers read past it")
            self.lost = lost
            return
        # A release that did not know a field wrote none.
        if self.state is None or _same(self.state, saved):
            self.state = saved if self.state is None else self.state
        elif lost:
            # It was written when the lost entry was still there, so it knows more.
            self.state = saved
        else:
            found.readable = False
            found.problems.append(f"checkpoint {sequence} does not match the entries before it")


def _same(state: LedgerState, saved: LedgerState) -> bool:
    return all(getattr(saved, name) == getattr(state, name) for name in saved.model_fields_set)
