"""Rows from a ledger: its entries, what each attempt came to, the kept takes, the readings of the balance.

A row of an attempt is final once the attempt is closed. One that is open at the end of an export is posted as it stands, and a
later export takes that back with the same amounts negated (`reversal`): rows are only ever added, and every sum over them is right.
"""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from longtake.errors import LedgerGapError
from longtake.ledger import CHECKPOINT_EVERY, LedgerState, accounts, fold
from longtake.ledger import entries as e
from longtake.ledger.attempt import day_of
from longtake.ledger.checkpoint import state_in
from longtake.library import Take
from longtake.library.take import key_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from longtake.books.schema import BookRow
    from longtake.ledger import Attempt, Closed, EntryLog, Purchase

BLOCK = 4096
"""Entries whose rows are held in memory at once."""

_READ_AHEAD = 64
_READERS = 16
_SUMS = ("attempts", "estimate", "settled", "refunded", "reserved", "in_doubt", "written_off")

_log = logging.getLogger("longtake.books")


@dataclass(slots=True)
class Block:
    """Rows by table, and a name that says which part of the source they are from."""

    name: str
    rows: dict[str, list[BookRow]] = field(default_factory=dict)

    def add(self, table: str, row: BookRow) -> None:
        """Append a row."""
        self.rows.setdefault(table, []).append(row)


def blocks(log: EntryLog, since: int, until: int) -> Iterator[Block]:
    """Give the rows of the entries behind `since` up to `until`: the same whenever it is called.

    Raises:
        LedgerError: an entry cannot be read, or is missing.
        StoreError: the store is away.
    """
    state = _state_at(log, since)
    before = {name: _open_row(log.account, attempt) for name, attempt in state.attempts.items()}
    for start in range(since, until, BLOCK):
        end = min(start + BLOCK, until)
        block = Block(f"{start + 1:012d}-{end:012d}")
        kept: list[tuple[BookRow, Purchase]] = []
        for sequence, entry in _entries(log, start, end):
            kept += _fold(log.account, state, block, sequence, entry)
        _add_takes(log, block, kept)
        if end == until:
            now = {name: _open_row(log.account, attempt) for name, attempt in state.attempts.items()}
            for row in [_reversed(row) for name, row in before.items() if now.get(name) != row]:
                block.add("attempts", row)
            for row in [row for name, row in now.items() if before.get(name) != row]:
                block.add("attempts", row)
        yield block


def _state_at(log: EntryLog, sequence: int) -> LedgerState:
    state = None
    floor = sequence // CHECKPOINT_EVERY * CHECKPOINT_EVERY
    while state is None and floor:
        data = log.raw_checkpoint(floor)
        state = None if data is None else state_in(data)
        floor -= CHECKPOINT_EVERY
    state = state or LedgerState()
    for place, entry in _entries(log, state.head, sequence):
        fold.apply(state, place, entry)
    return state


def _entries(log: EntryLog, since: int, until: int) -> Iterator[tuple[int, e.Entry]]:
    for first in range(since + 1, until + 1, _READ_AHEAD):
        places = range(first, min(first + _READ_AHEAD, until + 1))
        for sequence, data in zip(places, log.raw(places), strict=True):
            if data is None:
                key = f"ledger/{log.account}/{sequence:012d}.json"
                raise LedgerGapError(f"entry {sequence} of {log.account} is missing though later ones exist", key=key)
            yield sequence, e.parse(data, key=f"entry {sequence} of {log.account}")


def _fold(
    account: str, state: LedgerState, block: Block, sequence: int, entry: e.Entry
) -> list[tuple[BookRow, Purchase]]:
    """Apply an entry to the state and add the rows that it brings; returns what it says of a kept take."""
    kept = []
    before = state.attempts.get(getattr(entry, "attempt", ""))
    known = 0 if (sequence - 1) % CHECKPOINT_EVERY == 0 else len(state.closed)
    fold.apply(state, sequence, entry)
    block.add("entries", _entry_row(account, sequence, entry))
    for closed in state.closed[known:]:
        row = _closed_row(account, closed, before, entry)
        block.add("attempts", row)
        if isinstance(entry, e.Settled):
            kept.append((row | {"clip": entry.clip}, closed.order))
    if isinstance(entry, e.Balance | e.Adjusted):
        block.add("balances", _balance_row(account, sequence, entry, state))
    return kept


def _of_order(order: Purchase) -> BookRow:
    return {
        "film": order.film,
        "set": order.set,
        "scene": order.scene,
        "shot": order.shot,
        "take": order.take,
        "model": order.model,
        "run": order.run,
        "labels": dict(order.labels),
    }


def _entry_row(account: str, sequence: int, entry: e.Entry) -> BookRow:
    order: Purchase | None = getattr(entry, "order", None)
    attempt = f"a{sequence}" if isinstance(entry, e.Intent) else getattr(entry, "attempt", None)
    return {
        "account": account,
        "day": day_of(entry.at),
        "sequence": sequence,
        "at": entry.at,
        "kind": entry.kind,
        "by": entry.by,
        "attempt": attempt,
        **(_of_order(order) if order is not None else {"labels": {}}),
        "task_id": getattr(entry, "task_id", None),
        "credits": getattr(entry, "credits", None),
        "json": entry.model_dump_json(exclude_none=True),
    }


def _row(account: str, attempt: Attempt | Closed, line: accounts.SpendLine, **more: Any) -> BookRow:  # noqa: ANN401 - cells
    sums = asdict(line)
    return {
        "account": account,
        "day": line.day,
        "attempt": attempt.id,
        "number": attempt.number or None,
        "reversal": False,
        **_of_order(attempt.order),
        "fingerprint": attempt.order.fingerprint,
        "task_id": attempt.task_id,
        "expected": attempt.order.expected,
        "reserve": attempt.order.reserve,
        "reason": attempt.reason or None,
        **{name: sums[name] for name in _SUMS},
        **more,
    }


def _open_row(account: str, attempt: Attempt) -> BookRow:
    done = attempt.since if attempt.phase in {"completed", "failed"} else None
    return _row(
        account,
        attempt,
        accounts.open_line(attempt),
        state=attempt.phase,
        posted_at=attempt.at,
        done_at=done,
        changed_at=attempt.since,
        basis=None,
    )


def _closed_row(account: str, closed: Closed, before: Attempt | None, entry: e.Entry) -> BookRow:
    ended = before is not None and before.phase in {"completed", "failed"}
    return _row(
        account,
        closed,
        accounts.closed_line(closed),
        state=closed.outcome,
        posted_at=before.at if before is not None else None,
        done_at=before.since if before is not None and ended else None,
        changed_at=entry.at,
        basis=entry.basis if isinstance(entry, e.Settled) else None,
    )


def _reversed(row: BookRow) -> BookRow:
    return row | {name: -row[name] for name in _SUMS} | {"reversal": True}


def _balance_row(account: str, sequence: int, entry: e.Balance | e.Adjusted, state: LedgerState) -> BookRow:
    read = entry if isinstance(entry, e.Balance) else None
    told = entry if isinstance(entry, e.Adjusted) else None
    return {
        "account": account,
        "day": day_of(entry.at),
        "sequence": sequence,
        "at": entry.at,
        "kind": entry.kind,
        "credits": told.credits if told else None,
        "balance": read.balance if read else None,
        "expected": state.expected_balance,
        "drift": state.checked.drift if read and state.checked else None,
        "opening": state.opening,
        "debits": state.debits,
        "refunds": state.refunds,
        "adjustments": state.adjustments,
        "who": told.who if told else None,
        "why": told.why if told else None,
    }


def _add_takes(log: EntryLog, block: Block, kept: list[tuple[BookRow, Purchase]]) -> None:
    """Add the takes of settled attempts; the amounts are the ledger's, so they are there without the take's record too."""
    if not kept:
        return
    with ThreadPoolExecutor(_READERS, thread_name_prefix="longtake-read") as pool:
        records = pool.map(lambda one: _record(log, one[1].fingerprint), kept)
        for (row, order), take in zip(kept, records, strict=True):
            at = take.kept_at if take is not None else row["changed_at"]
            facts: BookRow = {"kept_at": at, "day": day_of(at), "credits": row["settled"], "estimate": order.expected}
            if take is not None:
                size = take.request.get("resolution")
                facts |= {
                    **take.clip.model_dump(include={"seconds", "frames", "width", "height", "bytes", "audio"}),
                    "resolution": size if isinstance(size, str) else None,
                }
                checks = take.checks
                facts |= {"checks_passed": checks.passed, "checks_score": checks.score} if checks else {}
            block.add("takes", row | facts)


def _record(log: EntryLog, fingerprint: str) -> Take | None:
    data = log.store.get(key_of(fingerprint))
    try:
        return None if data is None else Take.model_validate_json(data)
    except ValidationError:
        _log.warning("%s is not a take record of this release; its row has what the ledger says", key_of(fingerprint))
        return None
