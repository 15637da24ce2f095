"""Rows as Arrow tables and Parquet; this is where pyarrow is loaded."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from longtake import tables

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from longtake.books.schema import BookColumn, BookRow


def check() -> None:
    """See that pyarrow is there.

    Raises:
        SettingsError: it is not installed.
    """
    tables.library("pyarrow.parquet", "the books as Arrow tables or Parquet")


def table_of(columns: Sequence[BookColumn], rows: Sequence[BookRow]) -> pa.Table:
    """Build an Arrow table: a cell that a row has not is null."""
    import pyarrow as pa  # noqa: PLC0415 - heavy, and of an extra

    kinds: dict[str, Any] = {
        "text": pa.string(),
        "int": pa.int64(),
        "float": pa.float64(),
        "bool": pa.bool_(),
        "time": pa.timestamp("us", tz="UTC"),
        "date": pa.date32(),
        "labels": pa.map_(pa.string(), pa.string()),
    }
    arrays = [pa.array([_cell(column, row) for row in rows], type=kinds[column.kind]) for column in columns]
    return pa.table(arrays, names=[column.name for column in columns])


def parquet(table: pa.Table) -> bytes:
    """A table as the bytes of a Parquet file."""
    import pyarrow as pa  # noqa: PLC0415 - as above
    from pyarrow import parquet as pq  # noqa: PLC0415 - as above

    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    return bytes(sink.getvalue())


def _cell(column: BookColumn, row: BookRow) -> object:
    value = row.get(column.name)
    if column.kind == "labels":
        return list((value or {}).items())
    return date.fromisoformat(str(value)) if column.kind == "date" else value
