"""The cut list as an OpenTimelineIO timeline, and in the forms that editors read. Needs the extra `otio`."""

from __future__ import annotations

import importlib
import re
from typing import TYPE_CHECKING, Any

from longtake.errors import SettingsError
from longtake.export import cut_list

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from fractions import Fraction

    from longtake.export.cut_list import CutList, ListedShot
    from longtake.library import Take
    from longtake.manifest import Manifest

START = "01:00:00:00"
"""The time code of a film's first frame."""

_ADAPTERS = {"otio": "otio_json", "fcpxml": "fcpx_xml", "edl": "cmx_3600"}
_EVENT = re.compile(r"(?m)^([0-9]+ .*(?: [0-9:;]{11}){2}) ([0-9:;]{11}) ([0-9:;]{11})$")
"""A line of an EDL: two times of the source, and two of the record."""
_DISSOLVES = {"crossfade", "dissolve"}
_DRIFTED = 12.0
"""Levels of drift from which a shot gets a marker: a step of that size is seen between neighbors."""


def require(form: str, *, does: str = "writes") -> Any:  # noqa: ANN401 - the module, which has no types
    """OpenTimelineIO with the adapter of a form; `does` says in an error what it is needed for.

    Raises:
        SettingsError: the extra is not installed.
    """
    try:
        otio = importlib.import_module("opentimelineio")
        otio.adapters.from_name(_ADAPTERS[form])
    except Exception as error:  # noqa: BLE001 - a missing adapter is an exception of OpenTimelineIO's own
        raise SettingsError(
            f"OpenTimelineIO, which {does} {form}, is missing or lacks its adapter ({type(error).__name__})",
            next_step="pip install 'longtake[otio]'",
        ) from None
    return otio


def text(manifest: Manifest, form: str, place: Callable[[str], str]) -> tuple[str, tuple[str, ...]]:
    """A film as the text of an `otio`, `fcpxml` or `edl` file.

    Args:
        manifest: the film's.
        form: which of them.
        place: where an object of the store lies, as a URL or a relative path.

    Returns:
        the text, and what the form cannot say, one line each.

    Raises:
        SettingsError: the extra is not installed.
    """
    otio = require(form)
    if form == "otio":
        return otio.adapters.write_to_string(timeline(manifest, place), adapter_name=_ADAPTERS[form]), ()
    # The adapters drop what their form does not have, and the EDL's writes dissolves that it cannot read itself.
    made = timeline(manifest, place, transitions=False, sound=form != "edl")
    shots = cut_list.of_manifest(manifest).shots
    notes = [
        f"{form}: the transition into {one.shot.shot} is a cut; both clips have the frames for it"
        for one in shots
        if one.transition
    ]
    if any(one.shot.alternates for one in shots):
        notes.append(f"{form}: it names the used takes only; the others are in the otio form")
    written: str = otio.adapters.write_to_string(made, adapter_name=_ADAPTERS[form])
    return _from_start(otio, written, made) if form == "edl" else written, tuple(notes)


def _from_start(otio: Any, edl: str, made: Any) -> str:  # noqa: ANN401 - see above
    """An EDL whose record times begin at the film's start time code: the adapter counts them from zero."""
    rate = made.global_start_time.rate

    def later(found: re.Match[str]) -> str:
        times = [otio.opentime.from_timecode(one, rate) + made.global_start_time for one in found.group(2, 3)]
        return " ".join([found[1], *(otio.opentime.to_timecode(one, rate) for one in times)])

    return _EVENT.sub(later, edl)


def timeline(manifest: Manifest, place: Callable[[str], str], *, transitions: bool = True, sound: bool = True) -> Any:  # noqa: ANN401 - it has no types
    """A film as an `opentimelineio.schema.Timeline`.

    Each clip holds every kept take of its shot as a media reference, the used one active. The first shot of a scene, seams that
    may be seen and shots that drifted have markers; captions are markers, too. Prompts and task ids are left out.

    Args:
        manifest: the film's.
        place: where an object of the store lies, as a URL or a relative path.
        transitions: False makes them cuts.
        sound: False leaves out the tracks of sound.

    Raises:
        SettingsError: the extra is not installed.
    """
    otio = require("otio")
    listed = cut_list.of_manifest(manifest)
    parts = _Parts(otio, listed, place, transitions=transitions)
    made = otio.schema.Timeline(
        name=_line(manifest.title), global_start_time=otio.opentime.from_timecode(START, float(listed.rate))
    )
    made.metadata["longtake"] = {"film": manifest.film, "digest": manifest.digest}
    made.tracks.append(parts.track("Video"))
    if sound and any(one.shot.used.clip.audio for one in listed.shots):
        made.tracks.append(parts.track("Audio"))
    if sound and manifest.timeline.sound.music is not None:
        made.tracks.append(parts.music(manifest.timeline.sound.music))
    return made


class _Parts:
    """Makes the parts of a timeline."""

    def __init__(self, otio: Any, listed: CutList, place: Callable[[str], str], *, transitions: bool) -> None:  # noqa: ANN401 - see above
        self._otio = otio
        self._listed = listed
        self._place = place
        self._transitions = transitions

    def track(self, kind: str) -> Any:  # noqa: ANN401 - see above
        """A track with all shots in order."""
        track = self._otio.schema.Track(name=f"{kind} 1", kind=kind)
        for one in self._listed.shots:
            if one.transition and self._transitions:
                track.append(self._transition(one))
            if kind == "Audio" and not one.shot.used.clip.audio:
                track.append(self._otio.schema.Gap(duration=self._time(one.frames)))
            else:
                track.append(self._clip(one, markers=kind == "Video"))
        return track

    def music(self, key: str) -> Any:  # noqa: ANN401 - see above
        """A track with the film's music."""
        track = self._otio.schema.Track(name="Music", kind="Audio")
        media = self._otio.schema.ExternalReference(target_url=self._place(key))
        track.append(self._otio.schema.Clip("music", media, self._range(0, self._listed.frames)))
        return track

    def _clip(self, one: ListedShot, *, markers: bool) -> Any:  # noqa: ANN401 - see above
        shot = one.shot
        clip = self._otio.schema.Clip(name=shot.shot, source_range=self._range(one.first, one.frames))
        takes = {f"take-{take.take}-{take.fingerprint[:8]}": take for take in (shot.used, *shot.alternates)}
        clip.set_media_references({name: self._media(take) for name, take in takes.items()}, next(iter(takes)))
        clip.metadata["longtake"] = {"shot": shot.id, "scene": shot.scene, "take": shot.used.fingerprint}
        clip.metadata["cmx_3600"] = {"reel": f"{one.number:04d}T{shot.used.take}"[:8]}
        if markers:
            clip.markers.extend(self._markers(one))
        return clip

    def _media(self, take: Take) -> Any:  # noqa: ANN401 - see above
        rate = cut_list.rate_of(take.clip)
        media = self._otio.schema.ExternalReference(
            target_url=self._place(take.clip.key), available_range=self._range(0, take.clip.frames, rate)
        )
        media.name = f"{take.shot} take {take.take}"
        media.metadata["longtake"] = {
            "take": take.fingerprint,
            "sha256": take.clip.sha256,
            "model": take.model,
            "credits": take.credits,
        }
        return media

    def _markers(self, one: ListedShot) -> Iterator[Any]:
        number, shot = one.number, one.shot
        if number == 1 or self._listed.shots[number - 2].shot.scene != shot.scene:
            yield self._marker(f"scene {shot.scene}", "GREEN", one)
        if shot.seam is not None and shot.seam.seen:
            left = shot.seam.matched if shot.seam.matched is not None else shot.seam.distance
            yield self._marker(f"seam of {left:.1f} levels", "RED", one)
        if shot.drift is not None and shot.drift >= _DRIFTED:
            yield self._marker(f"drifted by {shot.drift:.1f} levels", "ORANGE", one)
        if one.caption:
            yield self._marker(f"caption: {one.caption}", "CYAN", one)

    def _marker(self, name: str, color: str, one: ListedShot) -> Any:  # noqa: ANN401 - see above
        return self._otio.schema.Marker(name=_line(name), color=color, marked_range=self._range(one.first, 1))

    def _transition(self, one: ListedShot) -> Any:  # noqa: ANN401 - see above
        said = one.transition
        assert said is not None  # noqa: S101 - the caller asked
        types = self._otio.schema.TransitionTypes
        return self._otio.schema.Transition(
            name=said.kind,
            transition_type=types.SMPTE_Dissolve if said.kind in _DISSOLVES else types.Custom,
            in_offset=self._time(said.before),
            out_offset=self._time(said.after),
            metadata={"longtake": {"kind": said.kind}},
        )

    def _range(self, first: int, frames: int, rate: Fraction | None = None) -> Any:  # noqa: ANN401 - see above
        return self._otio.opentime.TimeRange(self._time(first, rate), self._time(frames, rate))

    def _time(self, frames: int, rate: Fraction | None = None) -> Any:  # noqa: ANN401 - see above
        return self._otio.opentime.RationalTime(frames, float(rate or self._listed.rate))


def _line(text: str) -> str:
    """Text as one line: an EDL has a statement in each."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
