"""Reading a whole log to see whether it is intact: what decisions take on trust is checked here entry by entry."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from longtake.errors import LedgerError
from longtake.ledger import entries as e
from longtake.ledger.entry_log import state_in
from longtake.ledger.state import CHECKPOINT_EVERY, LedgerState

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


def audit(log: EntryLog) -> LogAudit:
    """Read all of a log: every entry parses, none is missing, each names the one before it, each checkpoint equals the fold.

    Raises:
        StoreError: the store is away.
    """
    found = LogAudit()
    numbers, checkpoints = log.names()
    top = max([0, *numbers])
    state: LedgerState | None = LedgerState()
    before: bytes | None = None
    for first in range(1, top + 1, _SIDE_BY_SIDE):
        places = range(first, min(first + _SIDE_BY_SIDE, top + 1))
        for sequence, data in zip(places, log.raw(places), strict=True):
            entry = _entry(sequence, data, before, found)
            if state is not None and entry is not None:
                state.apply(sequence, entry)
            else:
                state = None
            if sequence % CHECKPOINT_EVERY == 0:
                state = _checkpoint(log, sequence, state, found, exists=sequence in checkpoints)
            before = data
    for sequence in sorted(checkpoints):
        if sequence > top:
            found.problems.append(f"checkpoint {sequence} exists, but entries {top + 1} to {sequence} are missing")
    return found


def _entry(sequence: int, data: bytes | None, before: bytes | None, found: LogAudit) -> e.Entry | None:
    if data is None:
        found.problems.append(f"entry {sequence} is missing")
        return None
    found.entries += 1
    try:
        entry = e.parse(data, key=f"entry {sequence}")
    except LedgerError as error:
        found.problems.append(error.message)
        return None
    if entry.before is not None and before is not None and entry.before != e.digest_of(before):
        found.problems.append(f"entry {sequence - 1} is not the one that entry {sequence} was written behind")
    return entry


def _checkpoint(
    log: EntryLog, sequence: int, state: LedgerState | None, found: LogAudit, *, exists: bool
) -> LedgerState | None:
    """Compare a checkpoint with the fold so far; returns the state to go on from, after a hole that of the checkpoint."""
    if not exists:
        found.notes.append(f"checkpoint {sequence} is missing; the next reader that passes it writes it again")
        return state
    found.checkpoints += 1
    data = log.raw_checkpoint(sequence)
    saved = None if data is None else state_in(data)
    if saved is None:
        found.notes.append(f"checkpoint {sequence} is damaged, or another release wrote it; readers read past it")
        return state
    if state is None:
        return saved
    # A release that did not know a field wrote none.
    if any(getattr(saved, name) != getattr(state, name) for name in saved.model_fields_set):
        found.problems.append(f"checkpoint {sequence} says something else than the entries before it")
    return state
