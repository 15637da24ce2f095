"""Judge every row of a film set before anything is bought: the films it gives, and each row that gives none with the reason."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from longtake import request
from longtake.errors import SettingsError, StoryboardError
from longtake.film_set.loading import read_table, read_template
from longtake.film_set.rows import MOST_ROWS, Row, RowProblem
from longtake.film_set.template import CellError, Template, compile_template, shown
from longtake.storyboard import Loaded, Problem, checked_labels, failure, listed, quoted, slug
from longtake.storyboard.loading import checked
from longtake.storyboard.shape import shaped
from longtake.storyboard.values import LABEL_TEXT
from longtake.storyboard.writing import plain

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from longtake.catalog import Catalog
    from longtake.film_set.models import FilmSet
    from longtake.film_set.rows import Cell, Table
    from longtake.request import Resolved
    from longtake.settings import S3Settings


@dataclass(frozen=True, slots=True)
class AdmittedFilm:
    """One film of a set, worked out."""

    key: str
    film: str
    """The film's slug."""
    row: int
    labels: dict[str, str]
    """Those of the row, and those of its storyboard that have other names."""
    values: Mapping[str, Cell] = field(repr=False)
    """The row's values by column."""
    resolved: Resolved = field(repr=False)


@dataclass(frozen=True, slots=True)
class Admission:
    """The films of a set, in the order of its rows, and the rows that give none."""

    films: tuple[AdmittedFilm, ...]
    problems: tuple[RowProblem, ...]
    rows: int
    """Rows that `where` lets through, the bad ones included."""

    def raise_problems(self, name: str) -> None:
        """Raise the problems of rows, if there are any.

        Raises:
            StoryboardError: it holds all of them.
        """
        if self.problems:
            count = len({one.row for one in self.problems})
            raise StoryboardError(
                f"{name}: {count} of {self.rows} rows cannot be used",
                problems=self.problems,
                source=name,
                next_step="correct the rows listed above, or leave them out with --skip-bad-rows",
            )


def admit(film_set: FilmSet, catalog: Catalog, *, s3: S3Settings | None = None) -> Admission:
    """Read the template and the table and work out the film of every row. Problems of rows stay on the result.

    Raises:
        StoryboardError: the template, the table or the set itself has problems.
        CatalogError: the catalog is unusable.
        StoreError: the S3 server cannot be read.
    """
    table = read_table(film_set, s3=s3)
    tree, name, folder = read_template(film_set, s3=s3)
    _check_columns(film_set, table)
    template, problems = compile_template(tree, name=name, columns=table.columns)
    if problems:
        raise failure(name, tuple(problems))
    rows = _Rows(film_set, catalog, template, table, name=name, folder=folder)
    for row in table.rows:
        if all(_is_in(row.values.get(column), wanted) for column, wanted in film_set.where.items()):
            rows.take(row)
    if len(rows.seen) > MOST_ROWS:
        raise StoryboardError(f"{table.name} has {len(rows.seen)} rows", next_step=f"split it into sets of {MOST_ROWS}")
    found = sorted((*table.problems, *rows.problems), key=lambda one: one.row)
    count = len(rows.films) + len({one.row for one in found})
    return Admission(tuple(rows.films), tuple(found), count)


def _check_columns(film_set: FilmSet, table: Table) -> None:
    if not table.columns:
        problems = table.problems or (
            RowProblem(table.name, 0, None, None, (), "the table has no rows", "a row for each film"),
        )
        raise StoryboardError(f"{table.name} cannot be used", problems=problems, source=table.name)
    named = {"key": (film_set.key,), "labels": film_set.labels, "where": tuple(film_set.where)}
    for what, columns in named.items():
        for column in columns:
            if column not in table.columns:
                said = f"{what} names the column {quoted(column)}, and {table.name} has none of that name"
                step = f"name one of {listed(table.columns, column)}"
                raise StoryboardError(said, next_step=step, source=film_set.title)


def _is_in(cell: Cell, wanted: object) -> bool:
    """Whether a cell is one of the values; a text table holds numbers as text."""
    values = wanted if isinstance(wanted, tuple) else (wanted,)
    return cell in values or str(cell) in {str(value) for value in values}


class _Rows:
    """The rows of a set, one after another."""

    def __init__(
        self, film_set: FilmSet, catalog: Catalog, template: Template, table: Table, *, name: str, folder: Path
    ) -> None:
        self._set, self._catalog, self._template, self._table = film_set, catalog, template, table
        self._name, self._folder = name, folder
        self.films: list[AdmittedFilm] = []
        self.problems: list[RowProblem] = []
        self.seen: dict[str, int] = {}
        self._slugs: dict[str, int] = {}

    def take(self, row: Row) -> None:
        """Add the row's film, or the row's problem."""
        key = row.values.get(self._set.key)
        name = "" if key is None or isinstance(key, tuple) else str(key).strip()
        if not name or len(name) > 200 or name in self.seen:
            said = (
                f"the key is also that of row {self.seen[name]}" if name in self.seen else f"the key is {quoted(key)}"
            )
            allowed = "a key of its own for each row, up to 200 characters"
            self._refuse(row, None, (self._set.key,), said, allowed)
            return
        self.seen[name] = row.number
        try:
            resolved = self._resolved(row, name)
        except CellError as error:
            self._refuse(row, name, error.columns, error.message, error.allowed)
            return
        except StoryboardError as error:
            for one in error.problems:
                columns = self._template.columns_on(one.line)
                shot = f" (shot {one.shot})" if one.shot else ""
                self._refuse(row, name, columns, f"{one.message}{shot}", one.allowed)
            return
        if resolved.loaded.board.approval.before:
            # Each film would put a question of its own, and answers are found by the run, which films share.
            said, allowed = (
                "the template asks before it spends",
                "`canary` in the set, which asks once, after the first films",
            )
            self._refuse(row, name, (), said, allowed)
            return
        film = slug(resolved.loaded.board.title)
        if film in self._slugs:
            said = f"the film would be called {quoted(resolved.loaded.board.title)}, as that of row {self._slugs[film]}"
            columns = self._template.columns_at(("title",))
            self._refuse(row, name, columns, said, "a title with a placeholder that is different for each row")
            return
        self._slugs[film] = row.number
        labels = dict(resolved.loaded.board.labels)
        for column in self._set.labels:
            # An empty cell leaves a label to the storyboard.
            if value := shown(row.values.get(column)):
                labels[column] = value
        try:
            checked_labels(labels)
        except SettingsError as error:
            self._refuse(row, name, self._set.labels, error.message, LABEL_TEXT.text)
            return
        self.films.append(AdmittedFilm(name, film, row.number, labels, row.values, resolved))

    def _resolved(self, row: Row, key: str) -> Resolved:
        """The row's storyboard with the catalog's rules applied.

        Raises:
            CellError: a cell cannot be used where the template puts it.
            StoryboardError: what comes out has problems.
        """
        tree = self._template.tree_for(row.values)
        board, findings = shaped(tree)
        name = f"{self._name} for {quoted(key)}"
        if board is None:
            raise failure(name, tuple(Problem(name, tree.line, None, said, allowed) for _, said, allowed in findings))
        if board.budget is None and self._set.film_budget is not None:
            board = board.model_copy(update={"budget": self._set.film_budget})
            board.model_fields_set.add("budget")
        board = board.based_in(self._folder)
        text = json.dumps(plain(board), indent=1)
        broken = frozenset(path for path, _, _ in findings)
        loaded = Loaded(board, self._folder, name, tree, broken=broken, text=text)
        return request.resolve(checked(loaded, findings), self._catalog)

    def _refuse(self, row: Row, key: str | None, columns: tuple[str, ...], message: str, allowed: str) -> None:
        self.problems.append(RowProblem(self._table.name, row.number, row.line, key, columns, message, allowed))
