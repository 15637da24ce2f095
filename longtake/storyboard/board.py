"""The storyboard: a film as scenes of shots, with its budget, its sound and its rules."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Annotated, Literal, Required, TypedDict, Unpack

from pydantic import BaseModel, Field, PrivateAttr, StringConstraints

from longtake.settings import Marking
from longtake.storyboard.approval import Approval, ApprovalFields
from longtake.storyboard.deliverable import Deliverable, DeliverableFields
from longtake.storyboard.notice import Notice, NoticeFields
from longtake.storyboard.scene import Scene, SceneFields
from longtake.storyboard.shot import Generation, GenerationFields
from longtake.storyboard.sound import Sound, SoundFields
from longtake.storyboard.values import (
    LABEL_TEXT,
    LISTED,
    MAPPED,
    MODEL_TEXT,
    PRINTABLE,
    REFERENCE_TEXT,
    Allowed,
    PathOrUrl,
    PurchaseLabels,
    ReferenceName,
    Strict,
    Word,
    only_when_called,
)

Downstream = Literal["bridge", "cascade", "keep"]
Match = Literal["off", "film", "chain"]


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
    marking: Marking | None
    notice: Notice | NoticeFields | None
    deliverables: Sequence[Deliverable | DeliverableFields]
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
    marking: Annotated[Marking | None, Allowed("off, metadata or signed")] = Field(
        default=None,
        description="Whether a copy of the film is kept that says it is generated: with `metadata`, or `signed` as well; by "
        "default as the settings say.",
    )
    notice: Annotated[Notice | None, Allowed("a mapping of text, corner and seconds")] = Field(
        default=None,
        description="A visible label, such as `{text: Made with AI}`, in a corner of the picture at the start of the film. "
        "It buys nothing and changes no take.",
    )
    deliverables: Annotated[
        tuple[Deliverable, ...],
        Field(max_length=20),
        Allowed("a list of up to 20 deliverables, each with a name"),
        LISTED,
    ] = Field(
        default=(),
        description="What else is made of the film, next to it: other ratios and sizes, captions in the picture or as files. They "
        "buy nothing and change no take.",
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

    @only_when_called
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
