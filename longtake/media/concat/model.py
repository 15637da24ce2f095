"""What a join takes and gives."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from fractions import Fraction
    from pathlib import Path

    from longtake.media.measure.grading import ColorCorrection


_STORED = {"extra": "forbid"}
"""For the values that timelines and manifests hold as they are."""


@dataclass(frozen=True, slots=True)
class JoinTransition:
    """How a clip follows the one before it: `kind` is one of `transitions.TRANSITIONS`, `seconds` is what the two share."""

    __pydantic_config__ = _STORED

    kind: str = "crossfade"
    seconds: float = 0.5


@dataclass(frozen=True, slots=True)
class JoinTrim:
    """What a film leaves out of a clip at its two ends: each a number of seconds, or frames of the film as text (`"12f"`)."""

    __pydantic_config__ = _STORED

    head: float | str = 0.0
    tail: float | str = 0.0

    def frames(self, fps: Fraction) -> tuple[int, int]:
        """The frames at each end at a film's rate; a trim above 0 is at least one frame."""
        return _frames(self.head, fps), _frames(self.tail, fps)


def _frames(length: float | str, fps: Fraction) -> int:
    if isinstance(length, str):
        return int(length.removesuffix("f"))
    return max(round(length * fps), 1) if length else 0


@dataclass(frozen=True, slots=True)
class JoinNotice:
    """A text in a corner of the picture for the first seconds of a film, at most to the end of its first clip."""

    __pydantic_config__ = _STORED

    text: str
    corner: Literal["top-left", "top-right", "bottom-left", "bottom-right"]
    seconds: float


@dataclass(frozen=True, slots=True)
class JoinClip:
    """One clip of a film.

    `title` becomes its chapter. `transition` leads into it from the clip before (None: a cut). `continues` says that it
    begins with the frame the clip before ended with, so that a cut shows that frame once where no
    trim has cut it off. `caption` becomes a subtitle for as long as the clip is shown. `correction` changes its colors.
    `tail` is the file that `examine` wrote for it: with it, nothing is encoded where the next clip continues this one.
    `trim` is cut off its ends.
    """

    path: Path
    title: str
    transition: JoinTransition | None = None
    continues: bool = False
    caption: str | None = None
    correction: ColorCorrection | None = None
    tail: Path | None = None
    trim: JoinTrim | None = None


@dataclass(frozen=True, slots=True)
class JoinSound:
    """How the sound of a film is mixed.

    `loudness` is the integrated loudness wanted, in LUFS (None: as the clips have it), `peak` the true peak it is limited to,
    in dBTP. `music` is a sound file that is repeated to the film's end under the clips' own sound: `music_gain` LU above it
    (so mostly below 0), `duck` dB lower while the clips are heard (0: never), faded out over the last `fade_out` seconds.
    """

    loudness: float | None = None
    peak: float = -1.0
    music: Path | None = None
    music_gain: float = -12.0
    duck: float = 6.0
    fade_out: float = 2.0


@dataclass(frozen=True, slots=True)
class MeasuredLevel:
    """How loud something is (EBU R128): `integrated` in LUFS (-70: silence), `range` in LU, true `peak` in dBTP."""

    __pydantic_config__ = _STORED

    integrated: float
    range: float
    peak: float


@dataclass(frozen=True, slots=True)
class MeasuredLoudness:
    """The loudness of a film's sound before it was changed and of the finished track."""

    __pydantic_config__ = _STORED

    before: MeasuredLevel
    after: MeasuredLevel


@dataclass(frozen=True, slots=True)
class Chapter:
    """One shot in the film: seconds from the film's start, and the title as it was written."""

    start: float
    end: float
    title: str


@dataclass(frozen=True, slots=True)
class JoinRow:
    """One line of a plan: a clip, the joint before clip `number` (counted from 1), or the sound.

    `frames` are the frames of the film it stands for, or for a joint those that the transition blends; `encoded` is how many
    frames are encoded for its sake.
    """

    part: Literal["clip", "joint", "sound"]
    number: int
    title: str
    what: str
    frames: int
    encoded: int
    why: str


@dataclass(frozen=True, slots=True)
class JoinPlan:
    """What a join does and why: a row for each clip and each joint, and sums in frames of the film."""

    rows: tuple[JoinRow, ...]
    form: str
    frames: int
    copied: int
    encoded: int
    dropped: int

    def lines(self) -> list[str]:
        """The plan as text, a line each."""
        head = (
            f"{self.frames} frames of {self.form}: {self.copied} copied, {self.encoded} encoded, {self.dropped} dropped"
        )
        wide = max((len(row.what) for row in self.rows), default=0)
        body = [
            f"{row.part:<5} {row.number:>4}  {row.what:<{wide}}  {row.frames:>6}  {row.encoded:>6} encoded  "
            + (f"{_plain(row.title)}: {row.why}" if row.part == "clip" else row.why)
            for row in self.rows
        ]
        return [head, *body]

    def as_dict(self) -> dict[str, Any]:
        """The plan as plain values, for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class JoinResult:
    """A joined film: `way` is "copy" when no frame was encoded again; `dropped` counts the frames shown once, not twice."""

    frames: int
    seconds: float
    way: Literal["copy", "encode"]
    chapters: tuple[Chapter, ...]
    plan: JoinPlan
    loudness: MeasuredLoudness | None
    dropped: int


def _plain(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)
