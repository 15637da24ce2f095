"""The timeline: which take of which shot, in order, with transitions, captions and music. Its digest names the film.

It holds everything that determines the film's bytes and refers to files by digest, so a film can be joined again from the store
alone.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Literal

from pydantic import ConfigDict, GetJsonSchemaHandler, SerializerFunctionWrapHandler, model_serializer

from longtake.frozen import Frozen, without_serializer
from longtake.media.concat.model import JoinNotice, JoinTransition, JoinTrim

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import CoreSchema

    from longtake.library import Take
    from longtake.request import Resolved, ResolvedShot

_SURELY_UNSEEN = 2.0
"""Levels of a recorded seam under which no join measures it again: a step may be seen from 3 on."""


class _Part(Frozen):
    model_config = ConfigDict(use_attribute_docstrings=True)


class ClipCorrection(_Part):
    """A color correction for a complete clip, in timelines of older releases. A join reads it as `Clip.match`."""

    gain: float
    pivot: float
    shift: float
    saturation: float
    blue: float
    red: float


class Clip(_Part):
    """One clip on the timeline."""

    label: str
    """`scene/shot`, the chapter's title."""
    fingerprint: str
    clip: str
    """Its key in the store."""
    sha256: str
    transition: JoinTransition | None = None
    continues: bool = False
    """Whether it begins with the last frame of the clip before it, which is then shown once."""
    caption: str | None = None
    """Subtitle for the length of the clip."""
    correction: ClipCorrection | None = None
    """None; see `ClipCorrection`."""
    match: bool = False
    """Whether the join takes the step of color in front of it out of its beginning, if that step may be seen."""
    trim: JoinTrim | None = None
    """What is cut off the clip's two ends, in seconds or in frames of the film; left out where nothing is."""

    @model_serializer(mode="wrap")
    def _without_no_trim(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # Releases without trims read a film without one, and its digest stays.
        data: dict[str, Any] = handler(self)
        if self.trim is None:
            data.pop("trim", None)
        return data

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return handler(without_serializer(core_schema))


class TimelineSound(_Part):
    """How the film's sound is mixed."""

    loudness: float | None = None
    """Target loudness in LUFS; None keeps the clips' own."""
    peak: float = -1.0
    """True peak it is limited to, dBTP."""
    music: str | None = None
    """Its key in the store."""
    music_sha256: str | None = None
    music_gain: float = -12.0
    """LU above the clips' own sound."""
    duck: float = 6.0
    """dB by which the music is lowered while the clips have sound."""
    fade_out: float = 2.0
    """Seconds over which the music fades at the end."""


class Timeline(_Part):
    """A film before it is joined."""

    v: Literal["longtake-timeline/2"] = "longtake-timeline/2"
    """The version of the join as well: a join that gives other bytes gets a new version, and so makes another film."""
    title: str
    cuts: tuple[Clip, ...]
    sound: TimelineSound = TimelineSound()
    hls: bool = False
    """Whether an HLS playlist is stored as well."""
    notice: JoinNotice | None = None
    """A text drawn into the picture from the start of the film; left out where there is none."""

    @model_serializer(mode="wrap")
    def _without_no_notice(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # As with trims: releases without notices read a film without one, and its digest stays.
        data: dict[str, Any] = handler(self)
        if self.notice is None:
            data.pop("notice", None)
        return data

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return handler(without_serializer(core_schema))

    @property
    def digest(self) -> str:
        """32 hex digits of SHA-256: equal timelines give equal films, byte for byte."""
        # A field that older timelines lack must not rename their films.
        absent: Any = {number: {"match"} for number, cut in enumerate(self.cuts) if not cut.match}
        return hashlib.sha256(self.model_dump_json(exclude={"cuts": absent}).encode()).hexdigest()[:32]


def of(resolved: Resolved, takes: Sequence[Take]) -> Timeline:
    """The timeline of a storyboard with the take of each of its shots, in film order."""
    cuts = []
    before: Take | None = None
    for number, (shot, take) in enumerate(zip(resolved.shots, takes, strict=True)):
        said = shot.transition if number else None
        transition = JoinTransition(said.kind, said.seconds) if said is not None and said.seconds else None
        follows = number > 0 and shot.parent == resolved.shots[number - 1].id
        apart = number > 0 and shot.apart(resolved.shots[number - 1])
        continues = follows and not apart and before is not None and joined(before, take)
        cuts.append(
            Clip(
                label=shot.label,
                fingerprint=take.fingerprint,
                clip=take.clip.key,
                sha256=take.clip.sha256,
                transition=transition,
                continues=continues,
                caption=shot.caption,
                match=continues and before is not None and shot.match != "off" and _may_be_seen(before, take),
                trim=shot.trim,
            )
        )
        before = take
    board = resolved.loaded.board
    shown = board.notice
    notice = JoinNotice(shown.text, shown.corner, shown.seconds) if shown is not None else None
    return Timeline(title=board.title, cuts=tuple(cuts), sound=_sound(resolved), hls=board.hls, notice=notice)


def of_takes(takes: Sequence[Take], *, title: str) -> Timeline:
    """The timeline of takes without a storyboard: hard cuts, and a shared frame shown once."""
    cuts = tuple(
        Clip(
            label=take.shot,
            fingerprint=take.fingerprint,
            clip=take.clip.key,
            sha256=take.clip.sha256,
            continues=number > 0 and joined(takes[number - 1], take),
        )
        for number, take in enumerate(takes)
    )
    return Timeline(title=title, cuts=cuts)


def joined(before: Take, after: Take) -> bool:
    """Whether a take begins where another ends: with its last frame, or because that one was pinned to its first frame."""
    return after.frame == before.leaves.sha256 or before.bridges == after.fingerprint


def anchor(resolved: Resolved, shot: ResolvedShot, used: Mapping[str, Take]) -> Take:
    """The take of the first shot of a shot's chain."""
    while shot.parent is not None:
        shot = resolved.shot(shot.parent)
    return used[shot.id]


def _may_be_seen(before: Take, after: Take) -> bool:
    """Whether a seam may be visible: it was not measured at ingest, or found to be near that."""
    known = after.seam if after.frame == before.last_frame.sha256 else None
    return known is None or known.distance >= _SURELY_UNSEEN


def _sound(resolved: Resolved) -> TimelineSound:
    said, music = resolved.loaded.board.sound, resolved.music
    if said is None:
        return TimelineSound()
    digest = music.sha256 if music is not None else None
    key = f"media/{digest}.{music.format or 'bin'}" if music is not None and digest is not None else None
    return TimelineSound(
        loudness=said.loudness,
        peak=said.peak,
        music=key,
        music_sha256=digest,
        music_gain=said.music_gain,
        duck=said.duck,
        fade_out=said.fade_out,
    )
