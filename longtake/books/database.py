"""The books as one DuckDB file: tables, ready-made views, and each step in one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longtake import tables
from longtake.books import arrow, sql
from longtake.books.parts import BookStep
from longtake.books.schema import SCHEMA, TABLES
from longtake.errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

    from longtake.books.postings import Block

NAME = "books.duckdb"


def check() -> None:
    """See that DuckDB and pyarrow are there.

    Raises:
        SettingsError: one is not installed.
    """
    tables.library("duckdb", "the books as a DuckDB file")
    arrow.check()


class Database:
    """A DuckDB file in a folder. One process may write it at a time.

    Raises:
        SettingsError: the file cannot be opened, or holds something else.
    """

    def __init__(self, folder: Path) -> None:
        import duckdb  # noqa: PLC0415 - heavy, and of an extra

        self._begun = False
        folder.mkdir(parents=True, exist_ok=True)
        try:
            self._connection = duckdb.connect(str(folder / NAME))
            self._connection.execute("SET TimeZone = 'UTC'")
            self._connection.execute("CREATE TABLE IF NOT EXISTS _books (schema VARCHAR)")
            found = self._connection.execute("SELECT schema FROM _books").fetchall()
        except duckdb.Error as error:
            first = str(error).partition("\n")[0]
            step = "end the process that has it open, or name another folder"
            raise SettingsError(f"{NAME} cannot be opened: {first}", next_step=step) from None
        if not found:
            self._connection.execute("BEGIN")
            self._connection.execute(sql.ddl())
            self._connection.execute(sql.views())
            self._connection.execute("CREATE TABLE _steps (source VARCHAR, number BIGINT, step VARCHAR)")
            self._connection.execute("INSERT INTO _books VALUES (?)", [SCHEMA])
            self._connection.execute("COMMIT")
        elif found != [(SCHEMA,)]:
            raise SettingsError(f"{NAME} holds books of another release", next_step="name another folder")

    def last(self, source: str) -> tuple[BookStep, bool]:
        """The last step of a source. All its rows are there, because they came with it."""
        query = "SELECT step FROM _steps WHERE source = ? ORDER BY number DESC LIMIT 1"
        found = self._connection.execute(query, [source]).fetchone()
        return (BookStep.model_validate_json(found[0]) if found else BookStep(number=0)), True

    def begin(self, source: str, step: BookStep) -> BookStep:  # noqa: ARG002 - a step of parts has a source
        """Open a transaction, and roll back one that was not ended."""
        if self._begun:
            self._connection.execute("ROLLBACK")
        self._connection.execute("BEGIN")
        self._begun = True
        return step

    def write(self, block: Block) -> None:
        """Add the rows of a block."""
        for name, rows in block.rows.items():
            self._connection.register("_rows", arrow.table_of(TABLES[name].columns, rows))
            self._connection.execute(f"INSERT INTO {name} SELECT * FROM _rows")  # noqa: S608 - names of our own tables
            self._connection.unregister("_rows")

    def end(self, source: str, step: BookStep) -> None:
        """Commit the step."""
        values = [source, step.number, step.model_dump_json()]
        self._connection.execute("INSERT INTO _steps VALUES (?, ?, ?)", values)
        self._connection.execute("COMMIT")
        self._begun = False

    def close(self) -> None:
        """Close the file; a step that is not committed is not there."""
        self._connection.close()
