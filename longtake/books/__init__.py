"""The books in SQL: the ledger, takes, films and sets as tables, exported step by step to Parquet, CSV or DuckDB, or as Arrow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longtake.lazy import exports

if TYPE_CHECKING:
    from longtake.books.exporting import BookForm, BooksExport, arrow_tables, export
    from longtake.books.schema import SCHEMA, TABLES
    from longtake.books.sql import over_parquet, views

__getattr__, __dir__ = exports(
    __name__,
    {
        "longtake.books.exporting": ("BookForm", "BooksExport", "arrow_tables", "export"),
        "longtake.books.schema": ("SCHEMA", "TABLES"),
        "longtake.books.sql": ("over_parquet", "views"),
    },
)

__all__ = ["SCHEMA", "TABLES", "BookForm", "BooksExport", "arrow_tables", "export", "over_parquet", "views"]
