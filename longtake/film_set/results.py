"""What became of a film set: a line for each row, in the store as JSON for the next run, as CSV and as Parquet for people."""

from __future__ import annotations

import csv
import importlib.util
import io
import secrets
import time
from typing import TYPE_CHECKING, Any, Literal

from pydantic import ValidationError

from longtake import tables
from longtake.errors import SetIncompleteError
from longtake.frozen import Frozen
from longtake.report.words import link, plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from longtake.film_set.rows import Cell
    from longtake.store import Store

_NINES = 10**14 - 1
_COLUMNS = ("film", "state", "seconds", "charged", "refunded", "in doubt")
_FIELDS = (
    "key", "row", "film", "title", "state", "place", "seconds",
    "expected", "charged", "refunded", "in_doubt", "error", "next_step",
)  # fmt: skip

_AMOUNTS = ("expected", "charged", "refunded", "in_doubt")

OutcomeState = Literal["whole", "incomplete", "failed", "not started"]


class FilmOutcome(Frozen):
    """What became of one film. Amounts in credits."""

    key: str
    row: int
    film: str
    """The film's slug."""
    title: str
    labels: dict[str, str]
    state: OutcomeState
    """`whole`; `incomplete` when shots are missing; `failed` when it could not begin; `not started`."""
    place: str | None = None
    """Path or URI of the film."""
    seconds: float = 0.0
    expected: int = 0
    charged: int = 0
    refunded: int = 0
    in_doubt: int = 0
    error: str = ""
    next_step: str = ""
    exit_code: int = 0
    """As a command that makes this film alone would end."""


class SetResult(Frozen):
    """What a run of a film set gave. Amounts in credits, of this run."""

    v: Literal[1] = 1
    set: str
    """The set's slug."""
    title: str
    run: str
    films: tuple[FilmOutcome, ...]
    bad_rows: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    """Keys of films that the last run had and the table has not; they stay in the store and count in its books."""
    charged: int
    refunded: int
    in_doubt: int
    stopped: str = ""
    """Why the rest was not begun, where something stopped the set."""
    place: str = ""
    """Path or URI of the table of results."""

    @property
    def whole(self) -> bool:
        """Whether every film is there."""
        return all(film.state == "whole" for film in self.films) and not self.bad_rows

    @property
    def exit_code(self) -> int:
        """Of a command: 0 when every film is there, else the gravest reason's: in doubt before budget before failed."""
        if self.whole:
            return 0
        return max([1, *(film.exit_code for film in self.films)], key=[0, 1, 2, 3, 4].index)

    def __str__(self) -> str:
        states = [film.state for film in self.films]
        counts = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
        lines = [f"{self.title}: {len(states)} films: {counts or 'none'}"]
        lines += [f"{film.key}: {film.state}: {film.error}" for film in self.films if film.error][:20]
        lines += [f"{len(self.bad_rows)} problems in rows that give no film"] if self.bad_rows else []
        lines += [f"no longer in the table: {', '.join(self.removed[:20])}"] if self.removed else []
        lines += [f"stopped: {self.stopped}"] if self.stopped else []
        lines.append(f"{self.charged} credits charged, {self.refunded} refunded, {self.in_doubt} in doubt")
        return "\n".join([*lines, *([f"results: {self.place}"] if self.place else [])])

    def _repr_html_(self) -> str:
        rows = [
            (one.key, one.state, f"{one.seconds:.1f}", str(one.charged), str(one.refunded), str(one.in_doubt))
            for one in self.films
        ]
        total = ("sum", "", "", str(self.charged), str(self.refunded), str(self.in_doubt))
        return tables.html(self.title, _COLUMNS, rows, numbers=4, total=total)

    def answer(self) -> dict[str, Any]:
        """The result as `longtake run --json` prints it."""
        return self.model_dump(mode="json")

    def error(self) -> SetIncompleteError:
        """The error to raise where films are missing; it carries this result."""
        missing = [film for film in self.films if film.state != "whole"]
        reasons = "".join(f"\n  {film.key}: {film.error}" for film in missing[:12])
        found = SetIncompleteError(
            f"{self.title}: {len(missing)} of {len(self.films)} films are missing{reasons}", result=self
        )
        found.exit_code = self.exit_code
        return found

    def page(self) -> str:
        """The result as a page of Markdown."""
        states = [film.state for film in self.films]
        facts = [f"{states.count(state)} films: {state}" for state in dict.fromkeys(states)]
        facts.append(f"{self.charged} credits charged, {self.refunded} refunded, {self.in_doubt} in doubt in this run")
        facts += [f"results: {link(self.place)}"] if self.place else []
        facts += [f"stopped: {plain(self.stopped)}"] if self.stopped else []
        facts += [f"no longer in the table: {plain(', '.join(self.removed[:50]))}"] if self.removed else []
        sections = [f"# {plain(self.title)}", "\n".join(f"* {fact}" for fact in facts)]
        failed = [
            f"* **{plain(one.key)}**: {plain(one.error)} Next: {plain(one.next_step)}"
            for one in self.films
            if one.error
        ]
        sections += ["## Films that are missing", "\n".join(failed[:100])] if failed else []
        rows = [f"* {plain(line)}" for line in self.bad_rows[:100]]
        sections += ["## Rows that give no film", "\n".join(rows)] if rows else []
        return "\n\n".join(sections) + "\n"

    def to_csv(self) -> str:
        """The films as CSV: the fields of `FilmOutcome`, with each label in a column of its own."""
        return tables.to_csv(*self._table())

    def to_parquet(self) -> bytes:
        """The films as Parquet, in the columns of the CSV. Needs the extra `data`.

        Raises:
            SettingsError: it is not installed.
        """
        parquet = tables.library("pyarrow.parquet", "results as Parquet")
        pa = tables.library("pyarrow", "results as Parquet")
        columns, rows = self._table()
        kinds = {"row": pa.int64(), "seconds": pa.float64(), **dict.fromkeys(_AMOUNTS, pa.int64())}
        schema = pa.schema([(name, kinds.get(name, pa.string())) for name in columns])
        sink = pa.BufferOutputStream()
        parquet.write_table(pa.Table.from_pylist(rows, schema), sink, compression="zstd")
        return bytes(sink.getvalue())

    def _table(self) -> tuple[tuple[str, ...], list[dict[str, object]]]:
        labels = tuple(dict.fromkeys(name for film in self.films for name in film.labels))
        rows = [
            {**{name: getattr(film, name) for name in _FIELDS}, **{f"label_{k}": v for k, v in film.labels.items()}}
            for film in self.films
        ]
        return (*_FIELDS, *(f"label_{name}" for name in labels)), rows


def failed_rows(rows: Iterable[Mapping[str, Cell]]) -> str:
    """Rows of a table as CSV, to be given to a set again. Lists are joined with commas."""
    found = list(rows)
    columns = tuple(dict.fromkeys(column for row in found for column in row))
    return _csv(columns, [{k: ", ".join(v) if isinstance(v, tuple) else v for k, v in row.items()} for row in found])


def keep(store: Store, result: SetResult, *, failed: str = "") -> SetResult:
    """Write the results of a run, which never replace those of an earlier one, and return them with their place.

    Raises:
        StoreError: the store is away.
    """
    name = f"sets/{result.set}/{_NINES - int(time.time() * 1000):014d}-{secrets.token_hex(4)}"
    where = store.path(f"{name}/results.csv")
    result = result.model_copy(update={"place": str(where or f"{store.uri.rstrip('/')}/{name}/results.csv")})
    store.put_if_absent(f"{name}/results.csv", result.to_csv().encode(), content_type="text/csv")
    if importlib.util.find_spec("pyarrow") is not None:
        kind = "application/vnd.apache.parquet"
        store.put_if_absent(f"{name}/results.parquet", result.to_parquet(), content_type=kind)
    if failed:
        store.put_if_absent(f"{name}/failed.csv", failed.encode(), content_type="text/csv")
    store.put_if_absent(f"{name}/results.json", result.model_dump_json(indent=1).encode())
    return result


def latest(store: Store, film_set: str) -> SetResult | None:
    """The results of the last run of a set; None where there are none of this release.

    Raises:
        StoreError: the store is away.
    """
    for key in store.list(f"sets/{film_set}/", limit=12):
        if key.endswith("/results.json"):
            try:
                return SetResult.model_validate_json(store.get(key) or b"")
            except ValidationError:
                return None
    return None


def _csv(columns: Iterable[str], rows: Iterable[Mapping[str, object]]) -> str:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, tuple(columns), restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
