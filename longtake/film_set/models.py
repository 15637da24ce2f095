"""A film set: one storyboard as a template, a table with a row for each film, and what all of them may cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, Field, PrivateAttr, StringConstraints

from longtake.storyboard import LabelName, Storyboard
from longtake.storyboard.values import LISTED, MAPPED, PRINTABLE, Allowed, PathOrUrl, Strict
from longtake.storyboard.writing import plain

Column = Annotated[str, StringConstraints(min_length=1, max_length=200), PRINTABLE]
Scalar = str | int | float | bool


def _records(rows: Any) -> Any:  # noqa: ANN401 - a path, records, or a table of another library
    """The records of a data frame (pandas, polars) or an Arrow table; anything else as it is."""
    if isinstance(rows, Path):
        return str(rows)
    if callable(arrow := getattr(rows, "to_pylist", None)):
        return tuple(arrow())
    if callable(polars := getattr(rows, "to_dicts", None)):
        return tuple(polars())
    if callable(pandas := getattr(rows, "to_dict", None)):
        return tuple(pandas("records"))
    return tuple(rows) if isinstance(rows, Iterable) and not isinstance(rows, (str, Mapping)) else rows


def _template(storyboard: Any) -> Any:  # noqa: ANN401 - as above
    if isinstance(storyboard, Storyboard):
        return plain(storyboard)
    return str(storyboard) if isinstance(storyboard, Path) else storyboard


def _conditions(where: Any) -> Any:  # noqa: ANN401 - as above
    if not isinstance(where, Mapping):
        return where
    return {column: tuple(value) if isinstance(value, list) else value for column, value in where.items()}


class FilmSet(Strict):
    """Many films from one storyboard and a table.

    >>> FilmSet("Autumn", storyboard="product.yaml", rows=[{"sku": "a1", "name": "Lamp"}], key="sku").key
    'sku'
    """

    version: Annotated[Literal["longtake-set/1"], Field(alias="schema"), Allowed("longtake-set/1")] = "longtake-set/1"
    title: Annotated[str, StringConstraints(min_length=1, max_length=200), PRINTABLE, Allowed("text")] = Field(
        description="Title of the set, for people and for its folder in the store."
    )
    storyboard: Annotated[
        PathOrUrl | dict[str, Any],
        BeforeValidator(_template),
        MAPPED,
        Allowed("the path or URL of a storyboard, or a storyboard"),
    ] = Field(description="The template: a storyboard with `{{ column }}` in its values.")
    rows: Annotated[
        PathOrUrl | tuple[dict[str, Any], ...],
        BeforeValidator(_records),
        LISTED,
        Allowed("the path or URL of a .csv, .tsv, .jsonl or .parquet file, or a list of mappings"),
    ] = Field(description="The table: one row for each film.")
    key: Annotated[Column, Allowed("the name of a column")] = Field(
        description="The column that names a film; each value once."
    )
    labels: Annotated[tuple[LabelName, ...], LISTED, Allowed("a list of columns")] = Field(
        default=(), description="Columns that are kept with every purchase."
    )
    budget: Annotated[int | None, Field(gt=0), Allowed("a whole number of credits, more than 0")] = Field(
        default=None, description="The most all films of the set may cost together, in credits."
    )
    film_budget: Annotated[int | None, Field(gt=0), Allowed("a whole number of credits, more than 0")] = Field(
        default=None, description="The most one film may cost, in credits, where the storyboard names no budget."
    )
    canary: Annotated[int, Field(ge=0, le=100), Allowed("0 to 100")] = Field(
        default=0,
        description="Films, in the order of the rows, that are made and shown to a person before the rest is bought.",
    )
    films_in_flight: Annotated[int, Field(ge=1, le=1000), Allowed("1 to 1000")] = Field(
        default=8, description="Films that are made at once."
    )
    where: Annotated[
        dict[str, Scalar | tuple[Scalar, ...]],
        BeforeValidator(_conditions),
        Allowed("columns to the value, or the list of values, that a row must have there"),
    ] = Field(default={}, description="Which rows count: `{locale: [de, fr]}`.")

    _folder: Path | None = PrivateAttr(default=None)

    def __init__(
        self,
        title: str,
        *,
        storyboard: Any,  # noqa: ANN401 - a path, a mapping or a Storyboard
        rows: Any,  # noqa: ANN401 - a path, records, or a data frame
        key: str,
        labels: Sequence[str] = (),
        budget: int | None = None,
        film_budget: int | None = None,
        canary: int = 0,
        films_in_flight: int = 8,
        where: Mapping[str, Any] | None = None,
    ) -> None:
        given = {"title": title, "storyboard": storyboard, "rows": rows, "key": key, "labels": tuple(labels)}
        given |= {"canary": canary, "films_in_flight": films_in_flight}
        optional = {"budget": budget, "film_budget": film_budget, "where": where}
        BaseModel.__init__(self, **given, **{name: value for name, value in optional.items() if value is not None})

    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]  # not for data that is validated

    def based_in(self, folder: Path) -> Self:
        """The same set, whose relative paths start from `folder`."""
        other = self.model_copy()
        other._folder = folder  # noqa: SLF001 - a copy of itself
        return other

    @property
    def folder(self) -> Path:
        """The folder that relative paths of the set start from."""
        return self._folder or Path.cwd()


def json_schema() -> dict[str, Any]:
    """The schema of a film set's file as JSON data (draft 2020-12), for editors."""
    schema = FilmSet.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "Longtake film set"}
