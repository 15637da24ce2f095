"""The rows of a film set's table: CSV, TSV, JSON Lines, or data from Python. A row that cannot be read hides no other."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from typing import Any, NamedTuple

from longtake.storyboard import quoted
from longtake.storyboard.node import CONTROL

LARGEST_TABLE = 64 * 1024**2
"""Bytes of a table."""
MOST_ROWS = 100_000
LONGEST_CELL = 100_000
"""Characters; as long as a prompt may be."""

Cell = str | int | float | bool | None | tuple[str, ...]
"""A value of a row. Text tables hold text only; JSON Lines and Python also numbers, booleans, and lists of text."""


@dataclass(frozen=True, slots=True)
class RowProblem:
    """A problem of one row: its place, the columns involved, and the allowed values."""

    table: str
    row: int
    """Number of the row, from 1; the header is not counted. 0 for the table itself."""
    line: int | None
    """Line of the file, from 1; None for rows that were given in Python or in the set's own file."""
    key: str | None
    columns: tuple[str, ...]
    message: str
    allowed: str

    def __str__(self) -> str:
        place = self.table if self.line is None else f"{self.table}:{self.line}"
        parts = [f"row {self.row}"] if self.row else []
        parts += [f"key {quoted(self.key)}"] if self.key is not None else []
        parts += [f"column{'s' if len(self.columns) > 1 else ''} {', '.join(self.columns)}"] if self.columns else []
        return f"{place}: {', '.join(parts)}{': ' if parts else ''}{self.message}; allowed: {self.allowed}"


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its values by column."""

    number: int
    line: int | None
    values: Mapping[str, Cell]


class Table(NamedTuple):
    """The readable rows, and the problems of the others."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    problems: tuple[RowProblem, ...]


def of_text(text: str, *, name: str, form: str) -> Table:
    """Read the rows of a text: `form` is `csv`, `tsv` or `jsonl`. Problems stay on the result."""
    return _json_lines(text, name) if form == "jsonl" else _separated(text, name, "\t" if form == "tsv" else ",")


def of_records(records: Iterable[Mapping[str, Any]], *, name: str, lines: Sequence[int] = ()) -> Table:
    """Take rows that are data already: mappings of column to value. `lines` are those of the rows in a file."""
    rows, problems = [], []
    for number, record in enumerate(records, 1):
        line = lines[number - 1] if lines else None
        values: dict[str, Cell] = {}
        bad: tuple[str, str] | None = None
        if not isinstance(record, Mapping):
            bad = "", f"the row is {quoted(record)}"
        for column, value in record.items() if bad is None else ():
            cell = _cell(value)
            if cell is _UNUSABLE:
                bad = str(column), f"the value is {quoted(value)}"
                break
            values[str(column)] = cell
        if bad is None:
            rows.append(Row(number, line, values))
            continue
        allowed = "text, a number, true, false, null or a list of texts" if bad[0] else "a mapping of columns to values"
        problems.append(RowProblem(name, number, line, None, (bad[0],) if bad[0] else (), bad[1], allowed))
    return _checked(
        Table(name, tuple(dict.fromkeys(c for row in rows for c in row.values)), tuple(rows), tuple(problems))
    )


_UNUSABLE = object()


def _cell(value: Any) -> Any:  # noqa: ANN401 - whatever a row may hold
    """A value as a cell, or the marker for what cannot be one."""
    if isinstance(value, (float, date)) and value != value:  # noqa: PLR0124 - NaN and NaT, which tables use for "no value"
        return None
    if isinstance(value, (date, time)):  # a datetime is a date
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value):
        return tuple(value)
    plain = getattr(value, "item", None)  # a number of numpy's, as data frames hold them
    return _cell(plain()) if callable(plain) and isinstance(plain(), (str, bool, int, float)) else _UNUSABLE


def _separated(text: str, name: str, delimiter: str) -> Table:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    problems: list[RowProblem] = []
    rows: list[Row] = []
    header: list[str] | None = None
    number = 0
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            if header is None:
                return _without_header(name, f"the header cannot be read: {error}")
            number += 1
            problems.append(RowProblem(name, number, line, None, (), f"the row cannot be read: {error}", "quoted CSV"))
            continue
        if header is None:
            header = [cell.strip() for cell in cells]
            doubled = next((one for one in header if header.count(one) > 1), None)
            if doubled is not None or not all(header):
                said = f"the column {quoted(doubled)} is there twice" if doubled else "a column has no name"
                return _without_header(name, said)
            continue
        if not cells:
            continue
        number += 1
        if len(cells) != len(header):
            said = f"the row has {len(cells)} cells"
            problems.append(RowProblem(name, number, line, None, (), said, f"{len(header)} cells, as in the header"))
            continue
        rows.append(Row(number, line, dict(zip(header, cells, strict=True))))
    if header is None:
        return _without_header(name, "the table is empty")
    return _checked(Table(name, tuple(header), tuple(rows), tuple(problems)))


def _without_header(name: str, message: str) -> Table:
    return Table(name, (), (), (RowProblem(name, 0, 1, None, (), message, "a first line of column names, each once"),))


def _json_lines(text: str, name: str) -> Table:
    rows, problems, number = [], [], 0
    # Only line breaks of JSON Lines: `splitlines` would also break at U+2028, which stands in text.
    for line, written in enumerate(text.split("\n"), 1):
        if not written.strip():
            continue
        number += 1
        try:
            record = json.loads(written)
        except (ValueError, RecursionError):
            said = "the line is not JSON"
            problems.append(RowProblem(name, number, line, None, (), said, "one JSON object on each line"))
            continue
        one = of_records([record], name=name, lines=[line])
        rows += [Row(number, line, row.values) for row in one.rows]
        problems += [RowProblem(name, number, line, None, p.columns, p.message, p.allowed) for p in one.problems]
    columns = tuple(dict.fromkeys(column for row in rows for column in row.values))
    return Table(name, columns, tuple(rows), tuple(problems))


def _checked(table: Table) -> Table:
    """Move rows with unusable text to the problems."""
    rows, problems = [], list(table.problems)
    for row in table.rows:
        found = next(((column, said) for column, cell in row.values.items() if (said := _unusable(cell))), None)
        if found is None:
            rows.append(row)
            continue
        allowed = f"printable text of up to {LONGEST_CELL} characters"
        problems.append(RowProblem(table.name, row.number, row.line, None, (found[0][:64],), found[1], allowed))
    return table._replace(rows=tuple(rows), problems=tuple(problems))


def _unusable(cell: Cell) -> str | None:
    for text in cell if isinstance(cell, tuple) else (cell,):
        if isinstance(text, str) and len(text) > LONGEST_CELL:
            return f"the cell has {len(text)} characters"
        if isinstance(text, str) and (bad := CONTROL.search(text)):
            return f"the character U+{ord(bad.group()):04X} cannot stand in text"
    return None
