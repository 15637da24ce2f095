"""An edit that comes back: the clips of an OpenTimelineIO file, in whole frames of the film, and what no film can say of it."""

from __future__ import annotations

import json
import math
import stat
from dataclasses import dataclass
from fractions import Fraction
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from longtake.errors import SettingsError
from longtake.export import cut_list, opentimeline

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from longtake.library import Take
    from longtake.manifest import FilmShot, Manifest

LARGEST = 64 * 1024**2
"""Bytes of an edit; one of 2,000 shots with ten takes each has about 20 million."""
_DEEPEST = 64
"""Levels of brackets in an edit; a timeline has about ten."""
_MOST_ITEMS = 10_000
_WHOLE = 0.01
"""How far from a whole frame a time may be: editors write rates such as 23.976."""


@dataclass(frozen=True, slots=True)
class EditTransition:
    """A transition as an edit has it: `before` frames of it lie before the cut and `after` behind it; None is a kind of no film."""

    kind: str | None
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class EditClip:
    """One clip of an edit.

    Attributes:
        where: its place, for messages: its number and name.
        shot: the film's shot that it shows.
        take: the kept take of it.
        first: the first frame of the take's clip that is shown, at the film's rate.
        frames: how many are shown.
        transition: how it follows the clip before it; None for a cut.
    """

    where: str
    shot: FilmShot
    take: Take
    first: int
    frames: int
    transition: EditTransition | None


@dataclass(frozen=True, slots=True)
class EditedTimeline:
    """An edit of a film: its clips in order, and a line for each part of it that a film cannot have."""

    clips: tuple[EditClip, ...]
    left_out: tuple[str, ...]


def load(path: Path) -> Any:  # noqa: ANN401 - OpenTimelineIO has no types
    """The timeline in a file.

    Raises:
        SettingsError: the extra `otio` is not installed, or the file is not one timeline.
    """
    otio = opentimeline.require("otio", does="reads")
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise _unusable(path, "is not a regular file")
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise _unusable(path, f"cannot be read: {error.strerror}") from None
    if len(data) > LARGEST:
        raise _unusable(path, "is larger than 64 MB")
    try:
        text = data.decode()
        # Its own reader recurses in C++, where depth ends the process.
        if _depth(json.loads(text)) > _DEEPEST:
            raise _unusable(path, f"is nested deeper than {_DEEPEST} levels")
        found = otio.adapters.read_from_string(text, adapter_name="otio_json")
    except (ValueError, RecursionError, TypeError, KeyError) as error:
        raise _unusable(path, f"is not OpenTimelineIO: {type(error).__name__}") from None
    except otio.exceptions.OTIOError as error:
        raise _unusable(path, f"is not OpenTimelineIO: {type(error).__name__}") from None
    if isinstance(found, otio.schema.SerializableCollection):
        lines = [one for one in found if isinstance(one, otio.schema.Timeline)]
        found = lines[0] if len(lines) == 1 else None
    if not isinstance(found, otio.schema.Timeline):
        raise _unusable(path, "does not hold one timeline")
    return found


def film_of(timeline: Any) -> str | None:  # noqa: ANN401 - see above
    """What the timeline says it is an edit of, as `<film>/<digest>`; None where it says nothing."""
    film, digest = _said(timeline, "film"), _said(timeline, "digest")
    return f"{film}/{digest}" if film is not None and digest is not None else None


def read(timeline: Any, manifest: Manifest) -> EditedTimeline:  # noqa: ANN401 - see above
    """The clips of a timeline of a film.

    Args:
        timeline: an `opentimelineio.schema.Timeline`.
        manifest: of the film that it is an edit of.
    """
    return _Reader(timeline, manifest).edit()


class _Reader:
    def __init__(self, timeline: Any, manifest: Manifest) -> None:  # noqa: ANN401 - see above
        self._otio = opentimeline.require("otio")
        self._timeline = timeline
        self._shots = manifest.shots
        self._rate = cut_list.of_manifest(manifest).rate
        self._left_out: list[str] = []

    def edit(self) -> EditedTimeline:
        schema = self._otio.schema
        tracks = [track for track in self._timeline.tracks if isinstance(track, schema.Track)]
        if len(tracks) != len(self._timeline.tracks):
            self._leave("the timeline", "holds something else than tracks")
        pictures = [track for track in tracks if track.kind == "Video" and len(track)]
        clips: tuple[EditClip, ...] = ()
        if pictures:
            clips = tuple(self._clips(pictures[0]))
        for number, track in enumerate(pictures[1:], 2):
            self._leave(f"video track {number} ({_name(track)})", "a film has one track of pictures")
        self._sound(pictures[:1], tracks)
        return EditedTimeline(clips, tuple(self._left_out))

    def _clips(self, track: Any) -> Iterator[EditClip]:  # noqa: ANN401 - see above
        schema = self._otio.schema
        if track.source_range is not None:
            self._leave("the track of pictures", "its own range is not kept")
        led: EditTransition | None = None
        items = list(track)
        if len(items) > _MOST_ITEMS:
            self._leave("the track of pictures", f"only its first {_MOST_ITEMS} items are read")
        for number, item in enumerate(items[:_MOST_ITEMS], 1):
            where = f"item {number} ({_name(item)})"
            if isinstance(item, schema.Transition):
                led = self._transition(item, where)
                if number == 1 or number == len(items):
                    self._leave(where, "a transition needs a clip on both sides")
                    led = None
            elif isinstance(item, schema.Clip):
                found = self._clip(item, where, led)
                led = None
                if found is not None:
                    yield found
            else:
                led = None
                what = "a gap" if isinstance(item, schema.Gap) else f"a {type(item).__name__}"
                self._leave(where, f"{what} is no clip of the film")

    def _clip(self, item: Any, where: str, led: EditTransition | None) -> EditClip | None:  # noqa: ANN401 - see above
        found = self._shown(item)
        if found is None:
            self._leave(where, "its media is no kept take of the film")
            return None
        span = self._span(item)
        if span is None:
            self._leave(where, f"its range is not whole frames at {float(self._rate):g} a second, or is empty")
            return None
        if not item.enabled:
            self._leave(where, "it is switched off, and a film shows every clip")
        for effect in item.effects:
            self._leave(where, f"the effect {_name(effect) or type(effect).__name__} is not kept")
        return EditClip(where, *found, *span, led)

    def _shown(self, item: Any) -> tuple[FilmShot, Take] | None:  # noqa: ANN401 - see above
        """The shot and the take that a clip shows: by its media, as the names on clips are for people."""
        media = item.media_reference
        name = _said(media, "take")
        url = getattr(media, "target_url", "") or ""
        try:
            file = PurePosixPath(unquote(urlsplit(url).path)).stem if len(url) < LARGEST else ""
        except ValueError:
            raise SettingsError(
                f"clip {_name(item)}: its media has the target_url {url[:100]!r}, which is not a URL",
                next_step="link the clip to its media again in the editor, then export the edit again",
            ) from None
        shot_id = _said(item, "shot")
        fits = [
            (shot, take)
            for shot in self._shots
            for take in (shot.used, *shot.alternates)
            if take.fingerprint == name
            or (
                name is None
                and file
                and (file == take.clip.sha256 or file.endswith(f"_t{take.take}_{take.fingerprint[:8]}"))
            )
        ]
        # Shots that are alike in everything share a take.
        named = [one for one in fits if one[0].id == shot_id] or [one for one in fits if one[0].shot == item.name]
        found = named or fits
        return found[0] if found else None

    def _span(self, item: Any) -> tuple[int, int] | None:  # noqa: ANN401 - see above
        """The first frame of its media that a clip shows, and how many it shows."""
        media = item.media_reference
        there = getattr(media, "available_range", None)
        span = item.source_range or there
        if span is None:
            return None
        begin = self._frames(span.start_time)
        offset = self._frames(there.start_time) if there is not None else 0
        frames = self._frames(span.duration)
        if begin is None or offset is None or frames is None or frames < 1:
            return None
        return begin - offset, frames

    def _frames(self, time: Any) -> int | None:  # noqa: ANN401 - see above
        """A time in frames of the film; None where it is not a whole number of them."""
        if not (math.isfinite(time.value) and math.isfinite(time.rate)) or time.rate <= 0 or abs(time.value) > 1e12:
            return None
        frames = float(Fraction(time.value) / Fraction(time.rate) * self._rate)
        if abs(time.rate - self._rate) < _WHOLE:
            frames = time.value
        return round(frames) if abs(frames - round(frames)) < _WHOLE else None

    def _transition(self, item: Any, where: str) -> EditTransition | None:  # noqa: ANN401 - see above
        before, after = self._frames(item.in_offset), self._frames(item.out_offset)
        if before is None or after is None or before < 0 or after < 0 or before + after < 1:
            self._leave(where, "its length is not whole frames")
            return None
        kind = _said(item, "kind")
        if kind is None:
            kind = "crossfade" if item.transition_type == self._otio.schema.TransitionTypes.SMPTE_Dissolve else None
        return EditTransition(kind, before, after)

    def _sound(self, pictures: Sequence[Any], tracks: Sequence[Any]) -> None:
        """Sound goes with its picture in a film: say so where an edit has moved it."""
        own = [
            track for track in tracks if track.kind == "Audio" and any(self._shown(clip) for clip in track.find_clips())
        ]

        def spans(track: Any) -> list[tuple[str, Any]]:  # noqa: ANN401 - see above
            clips = [(self._shown(clip), self._span(clip)) for clip in track.find_clips()]
            return [(shown[1].fingerprint, span) for shown, span in clips if shown is not None and shown[1].clip.audio]

        if own and (len(own) > 1 or [spans(track) for track in own] != [spans(track) for track in pictures]):
            self._leave("the sound", "it differs from the picture; in a film each clip's sound goes with its picture")

    def _leave(self, where: str, why: str) -> None:
        self._left_out.append(f"{where}: {why}")


def _said(item: Any, name: str) -> str | None:  # noqa: ANN401 - see above
    """What an export has noted on a part of the timeline; None where nothing is, or another tool has changed its kind."""
    own = item.metadata.get("longtake") if item is not None else None
    found = own.get(name) if own is not None and hasattr(own, "get") else None
    return found if isinstance(found, str) else None


def _name(item: Any) -> str:  # noqa: ANN401 - see above
    text = "".join(letter if letter.isprintable() else " " for letter in str(getattr(item, "name", ""))[:80])
    return text.strip()


def _depth(data: object) -> int:
    """The levels of lists and mappings in JSON data."""
    level, here = 0, [data]
    while here and level <= _DEEPEST:
        level += 1
        here = [
            part
            for one in here
            if isinstance(one, (dict, list))
            for part in (one.values() if isinstance(one, dict) else one)
            if isinstance(part, (dict, list))
        ]
    return level


def _unusable(path: Path, why: str) -> SettingsError:
    return SettingsError(f"{path} {why}", next_step="give an OpenTimelineIO file that an export was edited into")
