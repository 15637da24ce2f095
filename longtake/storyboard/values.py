"""What the fields of a storyboard take, and how its models are read and written.

Values are typed strictly (no text for numbers) and nothing unknown is accepted. `Allowed` describes the values of a field in
error messages. Whether a model of the catalog takes the values is checked by `longtake.request`.

Built in Python, a model also takes a list for a tuple, a `Path` for a file, a plain dict for a nested model, and None for a
value that is not given. The `…Fields` TypedDicts next to the models repeat the fields for type checkers: a synthesized
`__init__` can neither name positional parameters nor say that a list is accepted. A test compares them with the models.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from os import PathLike
from typing import Annotated, Any, ClassVar, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializationInfo,
    SerializerFunctionWrapHandler,
    StringConstraints,
    model_serializer,
    model_validator,
)
from pydantic_core import PydanticCustomError

from longtake.storyboard.node import CONTROL

_Init = TypeVar("_Init", bound=Callable[..., None])

ID = r"^[a-z0-9][a-z0-9_-]{0,63}$"
REFERENCE_NAME = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"


def _printable(text: str | None) -> str | None:
    """Refuse characters that files cannot hold: every storyboard can be written to a file and read again."""
    bad = CONTROL.search(text) if text is not None else None
    if bad:
        raise PydanticCustomError(
            "character", "the character U+{code} cannot stand in text", {"code": f"{ord(bad.group()):04X}"}
        )
    return text


def _list_as_tuple(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def _as_dict(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else value


def _path_as_text(value: object) -> object:
    return str(value) if isinstance(value, PathLike) else value


def only_when_called(init: _Init) -> _Init:
    """Mark an `__init__` that pydantic must not call when it validates data.

    Otherwise a file without `schema` would pass, because `Storyboard.__init__` fills it in, and a missing id would be a
    TypeError. `pydantic.RootModel` sets the same marker on its own `__init__`.
    """
    init.__pydantic_base_init__ = True  # type: ignore[attr-defined]
    return init


PRINTABLE = AfterValidator(_printable)
LISTED = BeforeValidator(_list_as_tuple)
MAPPED = BeforeValidator(_as_dict)

Id = Annotated[str, StringConstraints(pattern=ID)]
ReferenceName = Annotated[str, StringConstraints(pattern=REFERENCE_NAME)]
Word = Annotated[str, StringConstraints(min_length=1, max_length=100), PRINTABLE]
LabelName = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[^=]+$"), PRINTABLE]
PurchaseLabels = Annotated[
    dict[LabelName, Annotated[str, StringConstraints(min_length=1, max_length=200), PRINTABLE]],
    Field(max_length=20),
    MAPPED,
]
PathOrUrl = Annotated[str, StringConstraints(min_length=1, max_length=4096), PRINTABLE, BeforeValidator(_path_as_text)]


@dataclass(frozen=True, slots=True)
class Allowed:
    """What a field takes, in the words of an error message."""

    text: str


LABEL_TEXT = Allowed(
    "up to 20 names, of 1 to 64 characters without =, to texts of 1 to 200 characters (a number in quotes)"
)
ID_TEXT = Allowed("1 to 64 of a-z, 0-9, - and _, starting with a letter or a digit")
REFERENCE_TEXT = Allowed("names to files or URLs; a name is 1 to 64 of A-Z, a-z, 0-9, - and _")
PLACE_TEXT = Allowed("a name of `references`, a file or an http(s) URL")
MODEL_TEXT = Allowed("the id of a model in the catalog, as text")


class Strict(BaseModel):
    """Read-only, strictly typed, and closed to unknown keys. A dump holds what was given, under the keys of a file."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, defer_build=True)

    nullable: ClassVar[frozenset[str]] = frozenset()
    """Fields in which None is a value; in every other field None means "not given"."""

    @model_validator(mode="after")
    def _drop_none(self) -> Self:
        for name in [name for name in self.model_fields_set if getattr(self, name) is None]:
            if name not in self.nullable:
                self.model_fields_set.discard(name)
        return self

    @model_serializer(mode="wrap")
    def _as_in_a_file(self, handler: SerializerFunctionWrapHandler, info: SerializationInfo) -> dict[str, Any]:
        # A dump with every default would hold `continue_from: null` for each shot, and the film read from it would have no
        # chains. A dump without any null would chain shots that start fresh.
        data = handler(self)
        if info.exclude_none:
            data |= {name: None for name in self.nullable if getattr(self, name) is None}
        given: dict[str, Any] = {}
        for name, field in type(self).model_fields.items():
            key = field.alias or name
            found = key if key in data else name
            is_given = name in self.model_fields_set and found in data
            if is_given and (data[found] is not None or name in self.nullable):
                given[key] = data[found]
        return given
