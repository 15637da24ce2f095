"""A shot: one wanted clip, with what determines it and how it follows the one before."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import Annotated, Any, ClassVar, Literal, Required, TypedDict, Unpack, get_args

from pydantic import BaseModel, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from longtake.storyboard.deliverable import FOCUS_TEXT, FocusPoint
from longtake.storyboard.trim import Trim, TrimFields
from longtake.storyboard.values import (
    ID_TEXT,
    LISTED,
    MODEL_TEXT,
    PLACE_TEXT,
    PRINTABLE,
    Allowed,
    Id,
    PathOrUrl,
    ReferenceName,
    Strict,
    Word,
    only_when_called,
)

Pick = Literal["first", "best"]
TransitionKind = Literal[
    "cut",
    "crossfade",
    "dissolve",
    "fade-black",
    "fade-white",
    "wipe-left",
    "wipe-right",
    "wipe-up",
    "wipe-down",
    "slide-left",
    "slide-right",
    "slide-up",
    "slide-down",
    "smooth-left",
    "smooth-right",
    "circle-open",
    "circle-close",
    "radial",
    "pixelize",
]


class GenerationFields(TypedDict, total=False):
    """The fields of `Generation`."""

    resolution: str | None
    size: str | None
    duration: int | None
    generate_audio: bool | None
    seed: int | None
    web_search: bool | None


class Generation(Strict):
    """What determines a clip in addition to its prompt; a shot's own value overrides the storyboard's defaults."""

    resolution: Annotated[Word | None, Allowed("a resolution as text, such as 480p")] = Field(
        default=None, description="Lines of the picture. What a model offers is in the catalog."
    )
    size: Annotated[Word | None, Allowed('a ratio as text, such as "16:9"')] = Field(
        default=None,
        description="Ratio of the picture; `adaptive` takes that of the first picture given.",
    )
    duration: Annotated[int | None, Field(ge=-1, le=3600), Allowed("a whole number of seconds")] = Field(
        default=None,
        description="Length of a clip in whole seconds; -1 lets the model choose, where it can (30 s are reserved).",
    )
    generate_audio: Annotated[bool | None, Allowed("true or false")] = Field(
        default=None, description="Whether sound is generated with the picture."
    )
    seed: Annotated[int | None, Field(ge=-1, le=2**63 - 1), Allowed("a whole number")] = Field(
        default=None, description="A hint towards the same result again, where the model offers it."
    )
    web_search: Annotated[bool | None, Allowed("true or false")] = Field(
        default=None, description="Whether the model may search the web for what the prompt speaks of."
    )


class TransitionFields(TypedDict, total=False):
    """The fields of `Transition`."""

    kind: Required[TransitionKind]
    seconds: float | None


class Transition(Strict):
    """How a scene or a shot follows the previous one."""

    kind: Annotated[TransitionKind, Allowed(", ".join(get_args(TransitionKind)))] = Field(
        description="`cut` puts one behind the other; every other kind overlaps the two clips."
    )
    seconds: Annotated[float | None, Field(gt=0, le=5), Allowed("more than 0, up to 5")] = Field(
        default=None, description="How long the two overlap, in seconds: more than 0 and up to 5; a cut has no length."
    )

    @model_validator(mode="after")
    def _only_a_cut_has_no_length(self) -> Transition:
        if (self.kind == "cut") == (self.seconds is not None):
            said = "a cut has no length" if self.kind == "cut" else f"a {self.kind} needs its length"
            allowed = "{kind: cut} or {kind: crossfade, seconds: 0.5}"
            raise PydanticCustomError("transition", "{said}", {"said": said, "allowed": allowed})
        return self


class _ShotOptions(GenerationFields, total=False):
    model: str | None
    references: Sequence[str]
    continue_from: str | None
    first_frame: str | PathLike[str] | None
    last_frame: str | PathLike[str] | None
    takes: int
    use: int | None
    pick: Pick
    transition: Transition | TransitionFields | None
    caption: str | None
    trim: Trim | TrimFields | None
    focus: Sequence[float] | None


class ShotFields(_ShotOptions, total=False):
    """The fields of `Shot`."""

    id: Required[str]
    prompt: str


class Shot(Generation):
    """One wanted clip.

    >>> Shot("wakes", "The keeper wakes", duration=8).duration
    8
    """

    nullable: ClassVar[frozenset[str]] = frozenset({"continue_from"})

    id: Annotated[Id, ID_TEXT] = Field(
        description="Name of the shot, unique in the film: a-z, 0-9, - and _, up to 64 characters."
    )
    prompt: Annotated[
        str, StringConstraints(max_length=100_000), PRINTABLE, Allowed("text of up to 100,000 characters")
    ] = Field(
        default="",
        description="What is seen and heard. `@name` stands for a reference of this shot; write @@ for a plain @.",
    )
    model: Annotated[Word | None, MODEL_TEXT] = Field(
        default=None, description="Model of this shot, any id of the catalog; by default the storyboard's."
    )
    references: Annotated[tuple[ReferenceName, ...], Field(max_length=100), Allowed("a list of names"), LISTED] = Field(
        default=(),
        description="Names of `references` this shot is given. A shot that continues another cannot carry any.",
    )
    continue_from: Annotated[Id | None, Allowed("the id of another shot, or null for none")] = Field(
        default=None,
        description="The shot whose last frame this one starts from; null starts fresh. Left out, a shot continues "
        "the one before it in its scene.",
    )
    first_frame: Annotated[PathOrUrl | None, PLACE_TEXT] = Field(
        default=None, description="The image a shot starts from: a reference's name, a file or a URL."
    )
    last_frame: Annotated[PathOrUrl | None, PLACE_TEXT] = Field(
        default=None, description="The image a shot ends on; it needs a first frame or a shot it continues."
    )
    takes: Annotated[int, Field(ge=1, le=10), Allowed("1 to 10")] = Field(
        default=1, description="How many generations of this shot are wanted, each paid for; one is used."
    )
    use: Annotated[int | None, Field(ge=1, le=1000), Allowed("the number of a take, from 1")] = Field(
        default=None, description="The take to use, by its number; by default `pick` decides among those that are kept."
    )
    pick: Annotated[Pick, Allowed("first or best")] = Field(
        default="first",
        description="Which take is used: the `first` that passes the checks of a clip, or the `best` by their score.",
    )
    transition: Annotated[Transition | None, Allowed("{kind: cut} or {kind: crossfade, seconds: 0.5}")] = Field(
        default=None, description="How this shot follows the one before it; by default its scene's, or a cut."
    )
    caption: Annotated[str | None, StringConstraints(min_length=1, max_length=500), PRINTABLE, Allowed("text")] = Field(
        default=None, description="Subtitle shown for as long as the shot is."
    )
    trim: Annotated[Trim | None, Allowed("{head: 0.5, tail: 12f}, one of them or both")] = Field(
        default=None,
        description="What the film leaves out of the clip at its ends. It changes no take: a shot that continues this one begins "
        "with the last frame of the whole clip.",
    )
    focus: Annotated[FocusPoint | None, FOCUS_TEXT] = Field(
        default=None,
        description="The point that `deliverables` keep in view where they crop the picture, as shares from the left and from the "
        "top; by default the middle. It changes no take.",
    )

    @only_when_called
    def __init__(self, id: str, prompt: str = "", **fields: Unpack[_ShotOptions]) -> None:  # noqa: A002 - the field's name
        given: dict[str, Any] = {"id": id, **fields}
        if prompt != "":
            given["prompt"] = prompt
        BaseModel.__init__(self, **given)

    def __eq__(self, other: object) -> bool:
        same = super().__eq__(other)
        if same is True and isinstance(other, Shot):
            # `continue_from: null` starts fresh; left out, the shot continues the one before it.
            return ("continue_from" in self.model_fields_set) == ("continue_from" in other.model_fields_set)
        return same

    def __hash__(self) -> int:
        return hash((self.id, self.prompt))
