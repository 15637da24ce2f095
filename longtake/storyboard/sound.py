"""The sound of a film: its loudness, and music under it."""

from __future__ import annotations

from os import PathLike
from typing import Annotated, TypedDict

from pydantic import Field

from longtake.storyboard.values import Allowed, PathOrUrl, Strict


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
