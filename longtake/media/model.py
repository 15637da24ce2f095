"""What a join takes and gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Chapter", "JoinClip", "JoinResult", "Sound"]


@dataclass(frozen=True, slots=True)
class JoinClip:
    """One clip of a film: `title` becomes its chapter; `crossfade` is seconds it shares with the clip before it."""

    path: Path
    title: str
    crossfade: float = 0.0


@dataclass(frozen=True, slots=True)
class Sound:
    """What is done to the sound of a film.

    `loudness` is the integrated loudness wanted, in LUFS (None: as the clips have it). `music` is a sound file that is
    repeated to the film's end under the clips' own sound.
    """

    loudness: float | None = None
    music: Path | None = None


@dataclass(frozen=True, slots=True)
class Chapter:
    """One shot in the film: seconds from the film's start, and the title as it was written."""

    start: float
    end: float
    title: str


@dataclass(frozen=True, slots=True)
class JoinResult:
    """A joined film: `way` is "copy" when no frame was encoded again."""

    frames: int
    seconds: float
    way: Literal["copy", "encode"]
    chapters: tuple[Chapter, ...]
