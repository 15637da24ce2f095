"""The tables of the books and their columns: `longtake-books/1`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

SCHEMA = "longtake-books/1"

ColumnKind = Literal["text", "int", "float", "bool", "time", "date", "labels"]

BookRow = dict[str, Any]
"""A row by column; a column that is missing is null."""


@dataclass(frozen=True, slots=True)
class BookColumn:
    """A column: times are UTC, amounts whole credits, labels a map of text to text."""

    name: str
    kind: ColumnKind


@dataclass(frozen=True, slots=True)
class BookTable:
    """A table, and the columns whose values name the folders of its parts."""

    name: str
    partition: tuple[str, ...]
    columns: tuple[BookColumn, ...]

    @property
    def own(self) -> tuple[BookColumn, ...]:
        """The columns that the folders do not say."""
        return tuple(column for column in self.columns if column.name not in self.partition)


def _table(name: str, partition: tuple[str, ...], **kinds: str) -> BookTable:
    """A table from the names of its columns by kind, in the order they are given; a kind may come again with digits behind it."""
    columns = []
    for kind, names in kinds.items():
        columns += [BookColumn(column, kind.rstrip("0123456789")) for column in names.split()]  # type: ignore[arg-type]
    return BookTable(name, partition, tuple(columns))


_ACCOUNT = ("account", "day")
_DAY = ("day",)

TABLES = {
    table.name: table
    for table in (
        _table(
            "entries", _ACCOUNT,
            text="account", date="day", int="sequence", time="at",
            text2="kind by attempt film set scene shot", int2="take",
            text3="model run task_id", int3="credits", labels="labels", text4="json",
        ),
        _table(
            "attempts", _ACCOUNT,
            text="account", date="day", text2="attempt", int="number", text3="state", bool="reversal",
            text4="film set scene shot", int2="take", text5="fingerprint model run task_id", labels="labels",
            time="posted_at done_at changed_at",
            int3="expected reserve attempts estimate settled refunded reserved in_doubt written_off", text6="basis reason",
        ),
        _table(
            "takes", _ACCOUNT,
            text="account", date="day", text2="attempt fingerprint film set scene shot", int="take", text3="model resolution",
            float="seconds", int2="frames width height bytes", bool="audio", int3="credits estimate",
            bool2="checks_passed", float2="checks_score", text4="clip task_id", time="kept_at", labels="labels",
        ),
        _table(
            "balances", _ACCOUNT,
            text="account", date="day", int="sequence", time="at", text2="kind",
            int2="credits balance expected drift opening debits refunds adjustments", text3="who why",
        ),
        _table(
            "films", _DAY,
            date="day", text="film digest title", float="seconds", int="frames shots bytes",
            text2="way key sha256", time="joined_at", text3="run",
            int2="used_takes alternates settled reserved in_doubt refunded", labels="labels",
        ),
        _table(
            "shots", _DAY,
            date="day", text="film digest", int="position", text2="scene shot state", float="start end",
            text3="fingerprint account attempt", int2="take credits", text4="model", float2="seam drift",
        ),
        _table(
            "sets", _DAY,
            date="day", text="set title", time="at", text2="run key", int="row", text3="film state place", float="seconds",
            int2="expected charged refunded in_doubt", text4="error next_step", labels="labels",
        ),
    )
}  # fmt: skip
"""Every table by its name."""
