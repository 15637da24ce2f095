"""SQL for DuckDB: the tables as DDL or over Parquet parts, and the ready-made views."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

from longtake.books.schema import TABLES

if TYPE_CHECKING:
    from longtake.books.schema import BookColumn
    from longtake.store import Store

_KINDS = {
    "text": "VARCHAR",
    "int": "BIGINT",
    "float": "DOUBLE",
    "bool": "BOOLEAN",
    "time": "TIMESTAMP WITH TIME ZONE",
    "date": "DATE",
    "labels": "MAP(VARCHAR, VARCHAR)",
}


def views() -> str:
    """The ready-made views, over tables of the books' names."""
    return resources.files("longtake.books").joinpath("views.sql").read_text(encoding="utf-8")


def ddl() -> str:
    """The tables, empty."""
    return "\n".join(
        f"CREATE TABLE {table.name} ({', '.join(map(_declared, table.columns))});" for table in TABLES.values()
    )


def over_parquet(store: Store) -> str:
    """Views over the Parquet parts in a place, and the ready-made views over these.

    Raises:
        StoreError: the place cannot be read.
    """
    root = store.path("x")
    base = str(root.parent) if root is not None else store.uri.rstrip("/")
    found = []
    for table in TABLES.values():
        columns = ", ".join(_quoted(column.name) for column in table.columns)
        if next((key for key in store.list(f"{table.name}/", limit=1)), None) is None:
            nulls = ", ".join(f"NULL::{_KINDS[column.kind]} AS {_quoted(column.name)}" for column in table.columns)
            found.append(f"CREATE OR REPLACE VIEW {table.name} AS SELECT {nulls} WHERE false;")
            continue
        place = f"{base}/{table.name}/{'*/' * len(table.partition)}*.parquet".replace("'", "''")
        types = ", ".join(f"'{c.name}': {_KINDS[c.kind]}" for c in table.columns if c.name in table.partition)
        read = f"read_parquet('{place}', hive_partitioning = true, hive_types = {{{types}}}, union_by_name = true)"
        found.append(f"CREATE OR REPLACE VIEW {table.name} AS SELECT {columns} FROM {read};")  # noqa: S608 - our own names
    return "\n".join(["SET TimeZone = 'UTC';", *found, views()])


def _declared(column: BookColumn) -> str:
    return f"{_quoted(column.name)} {_KINDS[column.kind]}"


def _quoted(name: str) -> str:
    return f'"{name}"'
