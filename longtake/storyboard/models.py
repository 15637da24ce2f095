"""The storyboard as frozen models; `Allowed` describes the values of each field in error messages.

Values are typed strictly (no text for numbers) and nothing unknown is accepted. Whether a model of the catalog takes
the values is checked by `longtake.request`.

Built in Python, a model also takes a list for a tuple, a `Path` for a file, a plain dict for a nested model, and None for a
value that is not given. The `…Fields` TypedDicts repeat the fields for type checkers: a synthesized `__init__` can neither
name positional parameters nor say that a list is accepted. A test compares them with the models.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Required, Self, TypedDict, TypeVar, Unpack, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    PrivateAttr,
    SerializationInfo,
    SerializerFunctionWrapHandler,
    StringConstraints,
    WithJsonSchema,
    model_serializer,
    model_validator,
)
from pydantic_core import PydanticCustomError

from longtake.storyboard.node import CONTROL

_Init = TypeVar("_Init", bound=Callable[..., None])

ID = r"^[a-z0-9][a-z0-9_-]{0,63}$"
REFERENCE_NAME = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"


def _printable(text: str | None) -> str | None:
    """Refuse what the reader of files refuses, so that every storyboard can be written to a file and read again."""
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


def _only_when_called(init: _Init) -> _Init:
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
Pick = Literal["first", "best"]
Downstream = Literal["bridge", "cascade", "keep"]
Match = Literal["off", "film", "chain"]
Ask = Literal["spending", "the rest", "more than the budget"]
Silence = Literal["stop", "go on"]
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


@dataclass(frozen=True, slots=True)
class Allowed:
    """What a field takes, in the words of an error message."""

    text: str


TRIM_TEXT = Allowed("seconds (0 to 3600), or frames of the film, such as 12f")
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

    @_only_when_called
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

    @_only_when_called
    def __init__(self, id: str, shots: Sequence[Shot | ShotFields], **fields: Unpack[_SceneOptions]) -> None:  # noqa: A002
        BaseModel.__init__(self, id=id, shots=shots, **fields)


class SoundFields(TypedDict, total=False):
    """The fields of `Sound`."""

    loudness: float | None
    peak: float
    music: str | PathLike[str] | None
    music_gain: float
    duck: float
    fade_out: float


class Sound(Strict):
    """The film's sound."""

    loudness: Annotated[float | None, Field(ge=-70, le=-5), Allowed("-70 to -5 (LUFS)")] = Field(
        default=None, description="Integrated loudness of the film in LUFS, -70 to -5; by default it stays as it is."
    )
    peak: Annotated[float, Field(ge=-9, le=0), Allowed("-9 to 0 (dBTP)")] = Field(
        default=-1.0,
        description="True peak in dBTP that the film is limited to where a loudness is asked for, -9 to 0.",
    )
    music: Annotated[PathOrUrl | None, Allowed("a file")] = Field(
        default=None, description="An audio file mixed under the whole film, relative to the storyboard."
    )
    music_gain: Annotated[float, Field(ge=-60, le=12), Allowed("-60 to 12 (LU)")] = Field(
        default=-12.0, description="How much louder than the shots' own sound the music is, in LU, -60 to 12."
    )
    duck: Annotated[float, Field(ge=0, le=30), Allowed("0 to 30 (dB)")] = Field(
        default=6.0,
        description="How many dB the music goes down while the shots are heard, 0 to 30; 0 leaves it alone.",
    )
    fade_out: Annotated[float, Field(ge=0, le=30), Allowed("0 to 30 (seconds)")] = Field(
        default=2.0, description="Seconds over which the music fades at the end of the film, 0 to 30."
    )


class ApprovalFields(TypedDict, total=False):
    """The fields of `Approval`."""

    before: Sequence[Ask]
    hours: float
    silence: Silence


class Approval(Strict):
    """Whether a person is asked before credits are spent, and what happens without an answer."""

    before: Annotated[tuple[Ask, ...], Allowed("a list of spending, the rest, more than the budget")] = Field(
        default=(),
        strict=False,  # it also comes from a form, as a list
        title="Ask before",
        description="`spending`: before the first credit, with the plan and its price. `the rest`: after the first takes of each "
        "chain, with their pictures and the price of what follows. `more than the budget`: instead of refusing what does not fit "
        "into the budget of the film or of the run.",
    )
    hours: Annotated[float, Field(gt=0, le=720), Allowed("more than 0, up to 720")] = Field(
        default=72.0, title="Hours to answer in", description="How many hours a run waits for an answer, up to 720."
    )
    silence: Annotated[Silence, Allowed("stop or go on")] = Field(
        default="stop",
        title="Without an answer",
        description="`stop` ends the run with what is bought so far; the next run uses it and asks again. `go on` spends what the "
        "budgets allow; such a run keeps its worker while it waits.",
    )

    @_only_when_called
    def __init__(self, **fields: Unpack[ApprovalFields]) -> None:
        BaseModel.__init__(self, **fields)


class StoryboardFields(TypedDict, total=False):
    """The fields of `Storyboard`."""

    schema: Literal["longtake/1"]
    title: Required[str]
    model: str | None
    defaults: Generation | GenerationFields
    budget: int | None
    downstream: Downstream
    retakes: int
    match: Match
    hls: bool
    approval: Approval | ApprovalFields
    labels: Mapping[str, str]
    references: Mapping[str, str | PathLike[str]]
    scenes: Required[Sequence[Scene | SceneFields]]
    sound: Sound | SoundFields | None


class Storyboard(Strict):
    """A film as a person describes it: read from a file or text, or built in Python.

    Its values are checked when it is built (pydantic's `ValidationError`). Whether its parts fit together is checked by
    `check`, and by everything that takes a storyboard (`StoryboardError`, with every problem).

    >>> board = Storyboard(title="Lighthouse", scenes=[Scene("dawn", [Shot("rocks", "Waves break")])])
    >>> print(board.to_yaml())
    schema: longtake/1
    title: Lighthouse
    scenes:
      - id: dawn
        shots:
          - id: rocks
            prompt: Waves break
    <BLANKLINE>
    """

    schema_: Annotated[Literal["longtake/1"], Allowed("longtake/1")] = Field(
        alias="schema", description="Version of this format."
    )
    title: Annotated[
        str, StringConstraints(min_length=1, max_length=200, pattern=r"\S"), PRINTABLE, Allowed("text")
    ] = Field(description="Title of the film; the store keeps it under the title's slug.")
    model: Annotated[Word | None, MODEL_TEXT] = Field(
        default=None, description="Model of every shot that names none: any id of the catalog."
    )
    defaults: Annotated[Generation, Allowed("a mapping of defaults")] = Field(
        default=Generation(), description="Values for every shot that does not say its own."
    )
    budget: Annotated[int | None, Field(ge=1, le=10**12), Allowed("a whole number of credits, 1 or more")] = Field(
        default=None, description="Credits this film may ever cost (1 credit is $0.001); a run stops before passing it."
    )
    downstream: Annotated[Downstream, Allowed("bridge, cascade or keep")] = Field(
        default="bridge",
        description="What becomes of the shots after a retake: `bridge` pins the new take to the first frame of the kept shot "
        "after it, `cascade` buys the shots that continue it again, `keep` uses them as they are.",
    )
    retakes: Annotated[int, Field(ge=0, le=5), Allowed("0 to 5")] = Field(
        default=0,
        description="How many new takes a run may buy of a shot none of whose takes passed the checks of a clip.",
    )
    match: Annotated[Match, Allowed("off, film or chain")] = Field(
        default="off",
        description="Whether visible steps of color between a shot and the frame it continues are hidden: `film` corrects the "
        "beginnings of clips where they are joined, `chain` also the frames that shots hand on.",
    )
    hls: Annotated[bool, Allowed("true or false")] = Field(
        default=False, description="Whether the film is also kept as an HLS playlist with its segments."
    )
    approval: Annotated[Approval, Allowed("a mapping of before, hours and silence")] = Field(
        default=Approval(),
        description="Whether a run asks a person before it spends; a run's own setting overrides it.",
    )
    labels: Annotated[PurchaseLabels, LABEL_TEXT] = Field(
        default={},
        description="What the film's credits can be summed by, such as a campaign or a cost center. Labels change no take.",
    )
    references: Annotated[dict[ReferenceName, PathOrUrl], REFERENCE_TEXT, MAPPED] = Field(
        default={}, description="Names for media that shots may be given: a file relative to this one, or a URL."
    )
    scenes: Annotated[
        tuple[Scene, ...], Field(min_length=1, max_length=1000), Allowed("a list of scenes, 1 or more"), LISTED
    ] = Field(description="The scenes in the order of the film.")
    sound: Annotated[Sound | None, Allowed("a mapping with loudness and music")] = Field(
        default=None, description="The film's sound."
    )
    _folder: Path | None = PrivateAttr(default=None)

    @_only_when_called
    def __init__(self, **fields: Unpack[StoryboardFields]) -> None:
        BaseModel.__init__(self, **{"schema": "longtake/1", **fields})

    def __eq__(self, other: object) -> bool:
        # Where a storyboard was read from is not part of what it says.
        return self.__dict__ == other.__dict__ if isinstance(other, Storyboard) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # `references` is a dict

    @property
    def folder(self) -> Path | None:
        """The folder that relative paths start from; None stands for the current one.

        It is known for a storyboard that was read from a file. It is not written by `to_yaml`.
        """
        return self._folder

    def based_in(self, folder: str | PathLike[str]) -> Storyboard:
        """Return the same storyboard with its relative paths starting from `folder`."""
        board = self.model_copy()
        board._folder = Path(folder)  # noqa: SLF001 - of the same class
        return board

    @classmethod
    def load(cls, source: str | PathLike[str]) -> Storyboard:
        """Read a YAML or JSON file. Relative paths in it start from its folder.

        Raises:
            StoryboardError: the file cannot be read or has problems; the error holds all of them.
        """
        from longtake.storyboard import loading  # noqa: PLC0415 - it imports this module

        return loading.load(Path(source)).board

    @classmethod
    def from_yaml(cls, text: str, *, base: str | PathLike[str] | None = None) -> Storyboard:
        """Read a YAML or JSON text. Relative paths in it start from `base`, by default the current folder.

        Raises:
            StoryboardError: the text has problems; the error holds all of them.
        """
        from longtake.storyboard import loading  # noqa: PLC0415 - it imports this module

        board = loading.parse(text, name="(text)", base=Path(base or "")).board
        return board if base is None else board.based_in(base)

    def to_yaml(self) -> str:
        """Return the storyboard as a YAML file's text; reading that gives an equal storyboard.

        Only what was given is written, not the defaults. Comments of a file it was read from are lost.
        """
        from longtake.storyboard.writing import to_yaml  # noqa: PLC0415 - it imports this module

        return to_yaml(self)

    def check(self) -> None:
        """Check that the parts fit together: ids, names of references, continuations, first transitions.

        Files, models and prices are not looked at; a plan does that.

        Raises:
            StoryboardError: they do not; the error holds every problem.
        """
        from longtake.storyboard import loading, sources  # noqa: PLC0415 - they import this module

        loading.without_problems(sources.of_board(self))

    def _repr_html_(self) -> str:
        from longtake.storyboard.notebook import board_html  # noqa: PLC0415 - it imports this module

        return board_html(self)


def slug(title: str) -> str:
    """A title as a name for keys and files: a-z, 0-9 and single hyphens, up to 60 characters, never empty.

    >>> slug("The Lighthouse – Part 2")
    'the-lighthouse-part-2'
    """
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:60].rstrip("-") or "film"
