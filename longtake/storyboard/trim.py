"""What the film leaves out of a clip at its two ends."""

from __future__ import annotations

import re
from typing import Annotated, TypedDict

from pydantic import Field, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from longtake.storyboard.values import Allowed, Strict

TRIM_TEXT = Allowed("seconds (0 to 3600), or frames of the film, such as 12f")


def _trim_length(value: object) -> object:
    if isinstance(value, str) and _FRAME_COUNT.fullmatch(value):
        return value if value != "0f" else 0.0
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= _LONGEST_TRIM:
        return float(value)
    raise PydanticCustomError("trim", "neither seconds nor frames")


_FRAME_COUNT = re.compile(r"(?:0|[1-9][0-9]{0,5})f")
_LONGEST_TRIM = 3600
TrimLength = Annotated[
    float | str,
    PlainValidator(_trim_length),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "minimum": 0, "maximum": 3600},
                {"type": "string", "pattern": "^(0|[1-9][0-9]{0,5})f$"},
            ]
        }
    ),
]
"""Seconds, or frames of the film as text: `12f`."""


class TrimFields(TypedDict, total=False):
    """The fields of `Trim`."""

    head: float | str
    tail: float | str


class Trim(Strict):
    """What the film leaves out of a shot's clip at its two ends. It changes no take."""

    head: Annotated[TrimLength, TRIM_TEXT] = Field(
        default=0.0, description="What is cut off at the start: seconds, or frames of the film as text, such as 12f."
    )
    tail: Annotated[TrimLength, TRIM_TEXT] = Field(
        default=0.0, description="What is cut off at the end: seconds, or frames of the film as text, such as 12f."
    )
