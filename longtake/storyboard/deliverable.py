"""What else is made of a film: the same film in another frame, with captions drawn into the picture or as files."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Literal, TypedDict, Unpack

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from longtake.frozen import without_serializer
from longtake.storyboard.values import LISTED, MAPPED, Allowed, Strict, only_when_called

if TYPE_CHECKING:
    from pydantic import GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import CoreSchema

Fit = Literal["crop", "pad"]
CaptionForm = Literal["srt", "ttml", "vtt"]
FOCUS_TEXT = Allowed("[0.3, 0.5]: two shares of 0 to 1, from the left and from the top")
_SIZE = re.compile(r"([1-9][0-9]{0,3})([:x])([1-9][0-9]{0,3})")
_SIDES = range(16, 8193, 2)


def _focus_point(value: object) -> tuple[float, float]:
    if isinstance(value, (list, tuple)) and len(value) == 2:
        x, y = (
            float(one) if isinstance(one, (int, float)) and not isinstance(one, bool) else math.nan for one in value
        )
        if 0 <= x <= 1 and 0 <= y <= 1:
            return x, y
    raise PydanticCustomError("focus", "not two shares")


def _checked_size(value: str | None) -> str | None:
    if value is None:
        return None
    found = _SIZE.fullmatch(value)
    sides = (int(found[1]), int(found[3])) if found is not None else (0, 0)
    # No ratio is refused when the film is there: a side of it has 480 pixels or more.
    fits = set(sides) <= set(_SIDES) if found is not None and found[2] == "x" else max(sides) <= 10 * min(sides)
    if found is None or not fits:
        raise PydanticCustomError("size", "neither a ratio nor even pixels")
    return value


FocusPoint = Annotated[
    tuple[float, float],
    BeforeValidator(_focus_point),
    WithJsonSchema(
        {"type": "array", "items": {"type": "number", "minimum": 0, "maximum": 1}, "minItems": 2, "maxItems": 2}
    ),
]
"""A point of the picture as shares of its width and height, from the left and from the top."""


class _DeliverableOptions(TypedDict, total=False):
    size: str | None
    fit: Fit
    focus: Mapping[str, Sequence[float]]
    burn: bool
    captions: Sequence[CaptionForm]


class DeliverableFields(_DeliverableOptions, total=False):
    """The fields of `Deliverable`."""

    name: str


class Deliverable(Strict):
    """One more file that is made of a film; it buys nothing and has the film's frames, cuts and sound.

    >>> Deliverable("vertical", size="9:16").fit
    'crop'
    """

    name: Annotated[
        str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$"), Allowed("1 to 40 of a-z, 0-9 and hyphens")
    ] = Field(
        description="What it is called in the store, unique in the film: a-z, 0-9 and hyphens, up to 40 characters."
    )
    size: Annotated[
        str | None,
        AfterValidator(_checked_size),
        Allowed('a ratio as text from 1:10 to 10:1, such as "9:16", or even pixels from 16 to 8192, such as 1080x1920'),
    ] = Field(
        default=None,
        description="A ratio, such as 9:16, of as many of the film's pixels as fit, or pixels, such as 1080x1920; by default as "
        "the film.",
    )
    fit: Annotated[Fit, Allowed("crop or pad")] = Field(
        default="crop", description="Whether the picture is cropped to another ratio, or gets black bars."
    )
    focus: Annotated[
        dict[str, FocusPoint], Allowed("{dawn/rocks: [0.3, 0.5]}: a point for each scene/shot"), MAPPED
    ] = Field(
        default={},
        description="The point that a crop keeps in view, by scene/shot; by default the shot's own `focus`, or the middle.",
    )
    burn: Annotated[bool, Allowed("true or false")] = Field(
        default=False, description="Whether the captions are drawn into the picture."
    )
    captions: Annotated[tuple[CaptionForm, ...], Allowed("a list of srt, ttml and vtt"), LISTED] = Field(
        default=(), description="Files of captions next to it: srt, ttml, vtt."
    )

    @only_when_called
    def __init__(self, name: str, **fields: Unpack[_DeliverableOptions]) -> None:
        BaseModel.__init__(self, name=name, **fields)

    def __hash__(self) -> int:
        return hash((self.name, self.size))

    @property
    def crops(self) -> bool:
        """Whether the picture may be cropped, in which case a focus point matters."""
        return self.size is not None and self.fit == "crop"

    def __str__(self) -> str:
        """One line for people: its name, and what it is."""
        said = [f"{self.size}{', bars' if self.fit == 'pad' else ''}"] if self.size is not None else []
        said += ["captions drawn"] if self.burn else []
        said += [f"captions as {', '.join(self.captions)}"] if self.captions else []
        return f"{self.name} ({'; '.join(said)})" if said else self.name

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return handler(without_serializer(core_schema))
