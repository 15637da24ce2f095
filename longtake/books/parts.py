"""The books as write-once parts in a store: `<table>/account=…/day=…/<part>.parquet` (or `.csv`).

A step is written down before its first part and again after its last. It fixes which entries its parts are made from, so a run that
finds a step without its end writes the same parts under the same names, and those that are there already stay as they are.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal

from pydantic import ValidationError

from longtake import tables
from longtake.books import arrow
from longtake.books.schema import SCHEMA, TABLES
from longtake.errors import SettingsError
from longtake.frozen import Frozen

if TYPE_CHECKING:
    from longtake.books.postings import Block
    from longtake.books.schema import BookRow, BookTable
    from longtake.store import Store

_NINES = 10**12 - 1
_STEP_LIMIT = 64 * 1024**2


class BookStep(Frozen):
    """What one export takes over from one source: the places behind `since` up to `until`."""

    number: int
    since: int = 0
    until: int = 0
    last: str | None = None
    """Of a ledger: digest of the entry at `until`, which shows that a later export goes on with the same ledger."""
    objects: tuple[str, ...] = ()
    """Of films and sets: the keys of all objects up to `until`."""


class Parts:
    """A place for parts.

    Args:
        store: where they lie.
        form: how they are written.

    Raises:
        SettingsError: the place holds books in another form.
    """

    def __init__(self, store: Store, form: Literal["parquet", "csv"]) -> None:
        self._store, self._form = store, form
        mark = json.dumps({"schema": SCHEMA, "format": form}).encode()
        if not store.put_if_absent("_steps/format.json", mark):
            found = store.get("_steps/format.json")
            if found != mark:
                said = (found or b"").decode(errors="replace")[:100]
                raise SettingsError(
                    f"{store.uri} holds other books ({said})", next_step="export to another place, or as before"
                )

    def last(self, source: str) -> tuple[BookStep, bool]:
        """The last step of a source, and whether all its parts are there."""
        keys = list(self._store.list(f"_steps/{source}/", limit=2))
        if not keys:
            return BookStep(number=0), True
        name = keys[0].rpartition("/")[2].partition(".")[0]
        step = self._step(f"_steps/{source}/{name}.begun.json")
        return step, any(key.endswith(f"/{name}.done.json") for key in keys)

    def begin(self, source: str, step: BookStep) -> BookStep:
        """Record a step. If another export recorded it first, that step counts."""
        key = self._key(source, step, "begun")
        return step if self._store.put_if_absent(key, step.model_dump_json().encode()) else self._step(key)

    def write(self, block: Block) -> None:
        """Write the missing parts of a block."""
        for name, rows in block.rows.items():
            table = TABLES[name]
            groups: dict[tuple[Any, ...], list[BookRow]] = {}
            for row in rows:
                groups.setdefault(tuple(row[column] for column in table.partition), []).append(row)
            for values, group in groups.items():
                folders = [f"{column}={value}" for column, value in zip(table.partition, values, strict=True)]
                key = "/".join([name, *folders, f"{block.name}.{self._form}"])
                kind = "application/vnd.apache.parquet" if self._form == "parquet" else "text/csv"
                self._store.put_if_absent(key, self._encoded(table, group), content_type=kind)

    def end(self, source: str, step: BookStep) -> None:
        """Write down that all parts of a step are there."""
        self._store.put_if_absent(self._key(source, step, "done"), b"{}\n")

    def close(self) -> None:
        """Nothing is open."""

    def _encoded(self, table: BookTable, rows: list[BookRow]) -> bytes:
        if self._form == "parquet":
            return arrow.parquet(arrow.table_of(table.own, rows))
        cells = [
            {
                name: json.dumps(cell, ensure_ascii=False) if isinstance(cell, dict) else cell
                for name, cell in row.items()
            }
            for row in rows
        ]
        return tables.to_csv([column.name for column in table.columns], cells).encode()

    @staticmethod
    def _key(source: str, step: BookStep, what: str) -> str:
        return f"_steps/{source}/{_NINES - step.number:012d}.{what}.json"

    def _step(self, key: str) -> BookStep:
        try:
            return BookStep.model_validate_json(self._store.get(key, limit=_STEP_LIMIT) or b"")
        except ValidationError:
            raise SettingsError(
                f"{key} is not a step that this release can read",
                next_step="export to another place, which starts from the first entry",
            ) from None
