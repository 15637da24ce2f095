"""A scene: shots that follow one another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Required, TypedDict, Unpack

from pydantic import BaseModel, Field, StringConstraints

from longtake.storyboard.shot import Shot, ShotFields, Transition, TransitionFields
from longtake.storyboard.values import ID_TEXT, LISTED, PRINTABLE, Allowed, Id, Strict, only_when_called


class _SceneOptions(TypedDict, total=False):
    title: str | None
    transition: Transition | TransitionFields | None


class SceneFields(_SceneOptions, total=False):
    """The fields of `Scene`."""

    id: Required[str]
    shots: Required[Sequence[Shot | ShotFields]]


class Scene(Strict):
    """Shots that follow one another; inside a scene each continues the one before it unless it says otherwise.

    >>> Scene("dawn", [Shot("rocks", "Waves break"), Shot("wakes", "The keeper wakes")]).shots[1].id
    'wakes'
    """

    id: Annotated[Id, ID_TEXT] = Field(
        description="Name of the scene, unique in the film: a-z, 0-9, - and _, up to 64 characters."
    )
    title: Annotated[str | None, StringConstraints(min_length=1, max_length=200), PRINTABLE, Allowed("text")] = Field(
        default=None, description="Title of the scene for people; by default its id."
    )
    transition: Annotated[Transition | None, Allowed("{kind: cut} or {kind: crossfade, seconds: 0.5}")] = Field(
        default=None, description="How this scene follows the one before it; by default a cut."
    )
    shots: Annotated[
        tuple[Shot, ...], Field(min_length=1, max_length=2000), Allowed("a list of shots, 1 or more"), LISTED
    ] = Field(description="The shots in the order of the film.")

    @only_when_called
    def __init__(self, id: str, shots: Sequence[Shot | ShotFields], **fields: Unpack[_SceneOptions]) -> None:  # noqa: A002
        BaseModel.__init__(self, id=id, shots=shots, **fields)
