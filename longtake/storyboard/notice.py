"""A visible label: a text in a corner of the picture at the beginning of the film."""

from __future__ import annotations

from typing import Annotated, Literal, TypedDict, Unpack

from pydantic import BaseModel, Field, StringConstraints

from longtake.storyboard.values import PRINTABLE, Allowed, Strict, only_when_called

Corner = Literal["top-left", "top-right", "bottom-left", "bottom-right"]


class _NoticeOptions(TypedDict, total=False):
    corner: Corner
    seconds: float


class NoticeFields(_NoticeOptions, total=False):
    """The fields of `Notice`."""

    text: str


class Notice(Strict):
    """A text that is drawn into the picture at the beginning of the film, such as a label that says it is generated.

    >>> Notice("Made with AI").corner
    'bottom-right'
    """

    text: Annotated[
        str,
        StringConstraints(min_length=1, max_length=120, pattern=r"^\S([^\n]*\S)?$"),
        PRINTABLE,
        Allowed("one line of 1 to 120 characters"),
    ] = Field(description="What is shown: one line of 1 to 120 characters.")
    corner: Annotated[Corner, Allowed("top-left, top-right, bottom-left or bottom-right")] = Field(
        default="bottom-right", description="Where it is shown."
    )
    seconds: Annotated[float, Field(gt=0, le=3600), Allowed("more than 0, up to 3600")] = Field(
        default=5.0, description="How long it is shown from the start, at most to the end of the first shot."
    )

    @only_when_called
    def __init__(self, text: str, **fields: Unpack[_NoticeOptions]) -> None:
        BaseModel.__init__(self, text=text, **fields)
