"""Read a film set and its parts: the set's own file, the template, the table. Errors name the line."""

from __future__ import annotations

import io
import re
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from longtake import tables
from longtake.errors import StoryboardError
from longtake.film_set.models import FilmSet
from longtake.film_set.rows import LARGEST_TABLE, MOST_ROWS, Table, of_records, of_text
from longtake.storyboard import Problem, failure, fetching, quoted
from longtake.storyboard.loaded import problem_at
from longtake.storyboard.loading import LARGEST, decoded
from longtake.storyboard.node import Node, TextError, of_json
from longtake.storyboard.values import Allowed

if TYPE_CHECKING:
    from longtake.settings import S3Settings

LARGEST_UNPACKED = 512 * 1024**2
"""Bytes of a Parquet table in memory."""

_SCHEMA = re.compile(r"""(?:^|[{,])\s*["']?schema["']?\s*:\s*["']?longtake-set/""", re.MULTILINE)
_FORMS = {".csv": "csv", ".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}


def is_film_set(source: str | PathLike[str]) -> bool:
    """Whether a local file says that it is a film set; False where it cannot be read."""
    try:
        with Path(source).open("rb") as file:
            return _SCHEMA.search(file.read(LARGEST).decode("utf-8-sig", errors="replace")) is not None
    except (OSError, ValueError):
        return False


def load(source: str | PathLike[str], *, s3: S3Settings | None = None) -> FilmSet:
    """Read a film set from a YAML or JSON file, or an http(s) or `s3://` URL.

    Raises:
        StoryboardError: it cannot be read or has problems; it holds all of them.
        StoreError: the S3 server cannot be read.
    """
    text, name, folder = _text(fspath(source), Path.cwd(), LARGEST, s3)
    tree = _tree(text, name)
    try:
        return FilmSet.model_validate(tree.value()).based_in(folder)
    except ValidationError as error:
        problems = []
        for one in error.errors(include_url=False):
            path = tuple(part for part in one["loc"][:1])
            problems.append(problem_at(tree, name, path, *_said(path, one)))
        raise failure(name, tuple(dict.fromkeys(sorted(problems, key=lambda one: one.line)))) from None


def _said(path: tuple[str | int, ...], error: Any) -> tuple[str, str]:  # noqa: ANN401 - pydantic's
    key = str(path[0]) if path else ""
    fields = {field.alias or name: field for name, field in FilmSet.model_fields.items()}
    if key not in fields:
        return f"the key {quoted(key)} is unknown" if key else "this is not a film set", ", ".join(fields)
    allowed = next((one.text for one in fields[key].metadata if isinstance(one, Allowed)), "another value")
    return f"{key} is missing" if error["type"] == "missing" else f"{key} is {quoted(error['input'])}", allowed


def read_template(film_set: FilmSet, *, s3: S3Settings | None = None) -> tuple[Node, str, Path]:
    """The template's tree, its name in messages, and the folder its relative paths start from.

    Raises:
        StoryboardError: it cannot be read.
    """
    if isinstance(film_set.storyboard, dict):
        return of_json(_lists(film_set.storyboard)), "the set's storyboard", film_set.folder
    text, name, folder = _text(film_set.storyboard, film_set.folder, LARGEST, s3)
    return _tree(text, name), name, folder


def read_table(film_set: FilmSet, *, s3: S3Settings | None = None) -> Table:
    """The table's rows. Problems of rows stay on the result.

    Raises:
        StoryboardError: the table cannot be read at all.
    """
    if not isinstance(film_set.rows, str):
        return of_records(film_set.rows, name="rows")
    form = _FORMS.get(Path(film_set.rows.partition("?")[0]).suffix.lower())
    if form is None:
        said = f"{quoted(film_set.rows)} is not a table"
        step = "give a file that ends in .csv, .tsv, .jsonl or .parquet"
        raise StoryboardError(said, next_step=step, source=film_set.title)
    if form == "parquet":
        parquet = tables.library("pyarrow.parquet", f"the table {quoted(film_set.rows)}")
        data, name, _ = _data(film_set.rows, film_set.folder, LARGEST_TABLE, s3)
        return _parquet(parquet, data, name)
    text, name, _ = _text(film_set.rows, film_set.folder, LARGEST_TABLE, s3, errors="surrogateescape")
    return of_text(text, name=name, form=form)


def _parquet(parquet: Any, data: bytes, name: str) -> Table:  # noqa: ANN401 - the module, which is of an extra
    """The rows of a Parquet file; dates and times become text, as in the other formats.

    Raises:
        StoryboardError: it is not one, or is too large when it is unpacked.
    """
    try:
        file = parquet.ParquetFile(io.BytesIO(data))
        records: list[dict[str, Any]] = []
        size = 0
        for batch in file.iter_batches(batch_size=256):
            size += batch.nbytes
            if file.metadata.num_rows > MOST_ROWS or size > LARGEST_UNPACKED:
                step = f"split it: up to {MOST_ROWS} rows, and {LARGEST_UNPACKED} bytes when it is unpacked"
                raise StoryboardError(f"{name} is too large", next_step=step, source=name)
            records += batch.to_pylist()
    except (ValueError, OSError, NotImplementedError) as error:  # pyarrow's errors are of these kinds
        first = str(error).partition("\n")[0]
        step = "write it as Parquet again, or as CSV"
        raise StoryboardError(f"{name} cannot be read: {first}", next_step=step, source=name) from None
    return of_records(records, name=name)


def _tree(text: str, name: str) -> Node:
    from longtake.storyboard.reading import read  # noqa: PLC0415 - loads ruamel

    try:
        tree = read(text)
    except TextError as error:
        raise failure(name, (Problem(name, error.line, None, error.message, error.allowed),)) from None
    if tree.entries is None:
        raise failure(name, (Problem(name, tree.line, None, "this is not a mapping", "keys and values"),))
    return tree


def _text(
    source: str, folder: Path, limit: int, s3: S3Settings | None, *, errors: str = "strict"
) -> tuple[str, str, Path]:
    """The text that a path or URL holds, its name in messages, and its folder."""
    data, name, folder = _data(source, folder, limit, s3)
    return (decoded(data, name) if errors == "strict" else data.decode("utf-8-sig", errors)), name, folder


def _data(source: str, folder: Path, limit: int, s3: S3Settings | None) -> tuple[bytes, str, Path]:
    if source.startswith(("s3://", "http://", "https://")):
        data, name = fetching.read(source, s3=s3, limit=limit)
    else:
        path, name = folder / source, source
        try:
            with path.open("rb") as file:
                data = file.read(limit + 1)
        except (OSError, ValueError) as error:
            said = (error.strerror if isinstance(error, OSError) else None) or "not a file name"
            raise StoryboardError(f"{name} cannot be read: {said}", next_step="correct the path", source=name) from None
        folder = path.absolute().parent
    if len(data) > limit:
        raise StoryboardError(f"{name} is larger than {limit} bytes", next_step="split it", source=name)
    return data, name, folder


def _lists(value: Any) -> Any:  # noqa: ANN401 - whatever a mapping may hold
    if isinstance(value, dict):
        return {str(key): _lists(item) for key, item in value.items()}
    return [_lists(item) for item in value] if isinstance(value, (list, tuple)) else value
