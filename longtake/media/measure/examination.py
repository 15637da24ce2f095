"""Examine a clip before it is used: measure its faults in one decoding.

What cannot be used at all is a `MediaError`. Everything else that was paid for is kept, and what is odd about it is said:
a wrong length or size, black or frozen pictures, silence, a cut inside.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby, pairwise
from math import prod
from operator import sub
from typing import TYPE_CHECKING, Literal

from longtake.errors import FfmpegError
from longtake.media.audio.decoding import decode
from longtake.media.concat import tails
from longtake.media.measure.checks import FPS, SIZE_TOLERANCE, decoded, usable
from longtake.media.measure.thumbs import Reducer, apart, likeness, mean
from longtake.media.measure.tones import THUMB, ToneMeter
from longtake.media.streams.probing import opened

if TYPE_CHECKING:
    from pathlib import Path

    from av.video.frame import VideoFrame

    from longtake.media.measure.tone import MeasuredTone
    from longtake.media.streams.facts import JoinProbe, Probe
    from longtake.media.streams.sniff import MediaSource

ClipFindingKind = Literal[
    "frames", "size", "rate", "black", "frozen", "cut", "silent", "short sound", "broken sound", "hdr"
]

BLACK_LEVEL = 25
"""Luma (0..255) up to which a part of a picture is black, as ffmpeg's blackdetect has it (a tenth)."""
BLACK_SECONDS = 0.5
"""A black stretch of this length is no blink between two pictures: people ask what is broken."""
FROZEN_LEVELS = 6
"""Levels any part of a frame may differ by from the frame a standstill began with: coding a still again makes up to 5, an
eye that closes at 480p 30."""
FROZEN_MEAN = 0.5
"""The same for all parts in the mean: coding makes up to 0.25, the calmest of moving pictures 2 in a second."""
FROZEN_SECONDS = 1.0
"""Shots often begin or end at rest for some frames; a full second at rest is not an accident."""
CUT_LEVELS = 12.0
"""Mean levels a frame differs by from the one before at a cut; hand-held and fast pictures of one view stay below."""
CUT_SPIKE = 2.5
"""Times a cut stands out from the frames around it: a fast pan has many frames of the kind, a cut has one."""
CUT_LIKENESS = 0.7
"""Likeness of shapes under which two frames show two views; a light switched on leaves them above."""
SILENT_PEAK = 33
"""Peak of 32,768 (-60 dB) under which nothing is heard."""
SILENT_SECONDS = 0.5
"""Shorter silences are pauses."""
SHORT_SOUND = 0.25
"""Seconds a sound may end before its picture."""
_GRAVE, _SLIGHT = 0.5, 0.85
_RATE = 16_000
"""Samples a second that sound is looked at in."""
_STEP = 320
_MOST_SECONDS = 900
"""Seconds of sound that are looked at: more than the longest clip has."""


@dataclass(frozen=True, slots=True)
class ClipFinding:
    """Something odd about a clip. A grave one says that it is not what was asked for, or that it is not worth seeing."""

    kind: ClipFindingKind
    text: str
    grave: bool


@dataclass(frozen=True, slots=True)
class Measures:
    """What was measured, in seconds.

    Attributes:
        black: shown in black, together.
        frozen: the longest standstill.
        silent: without sound, together; the whole length where there is none.
        cuts: the times of frames that show another view than the one before.
        tone: brightness, colors, sharpness.
    """

    black: float
    frozen: float
    silent: float
    cuts: tuple[float, ...]
    tone: MeasuredTone


@dataclass(frozen=True, slots=True)
class Examination:
    """The probe, the findings and the measures of a clip."""

    probe: Probe
    findings: tuple[ClipFinding, ...]
    measures: Measures

    @property
    def passed(self) -> bool:
        """Whether nothing grave was found."""
        return not any(found.grave for found in self.findings)

    @property
    def score(self) -> float:
        """1 without findings; each grave finding halves it, each other reduces it by 15 %."""
        return round(prod((_GRAVE if found.grave else _SLIGHT for found in self.findings), start=1.0), 4)


def examine(
    clip: MediaSource,
    *,
    seconds: int | None = None,
    pixels: tuple[int, int] | None = None,
    audio: bool | None = None,
    tail: Path | None = None,
) -> Examination:
    """Look at a generated clip: a path, or an open seekable file, which is read twice or three times from its beginning.

    Args:
        clip: the file.
        seconds: the duration asked for; `seconds * 24 + 1` frames are expected, give or take one (provider-contract.md §5).
            None, or less than 1 (the provider chose): any length.
        pixels: width and height asked for, ± `SIZE_TOLERANCE`; None: any size.
        audio: True when sound was asked for. Sound that was not asked for is no finding: the clip is paid for.
        tail: where to write the clip's tail, for `JoinClip.tail`. No file is written where a join needs none, or where it cannot
            be encoded: then the join encodes it.

    Raises:
        MediaError: it is not an MP4 of H.264 or H.265, or does not decode to its end.
    """
    seen = usable(clip)
    facts, rate = seen.probe, float(seen.probe.fps or FPS)
    kept: list[VideoFrame] = []
    watched = _watch(clip, seen, rate, tails.wanted(seen) if tail is not None else range(0), kept)
    if tail is not None and kept:
        with contextlib.suppress(FfmpegError, OSError):
            tails.write(kept, seen, tail)
    heard = _listen(clip, facts)
    measures = Measures(watched.black, watched.frozen, heard.silent, watched.cuts, watched.tone)
    findings = [
        *_as_asked(seen, seconds, pixels),
        *_seen_findings(measures, facts),
        *_heard_findings(heard, facts, asked=bool(audio)),
    ]
    return Examination(facts, tuple(findings), measures)


def _as_asked(seen: JoinProbe, seconds: int | None, pixels: tuple[int, int] | None) -> list[ClipFinding]:
    facts, found = seen.probe, list[ClipFinding]()
    rate = Fraction(facts.fps or FPS)
    if rate != FPS:
        found.append(ClipFinding("rate", f"asked for {FPS} frames a second, got {float(rate):g}", grave=True))
    elif seen.index is not None and not seen.index.regular:
        found.append(ClipFinding("rate", "its frames are not evenly spaced", grave=False))
    if seconds is not None and seconds > 0 and abs(facts.frames - (seconds * rate + 1)) > 1:
        wanted = round(seconds * rate) + 1
        text = f"asked for {seconds} s ({wanted} frames), got {facts.seconds:.2f} s ({facts.frames} frames)"
        found.append(ClipFinding("frames", text, grave=True))
    if pixels and max(abs(facts.width - pixels[0]), abs(facts.height - pixels[1])) > SIZE_TOLERANCE:
        text = f"asked for {pixels[0]}×{pixels[1]} pixels, got {facts.width}×{facts.height}"
        found.append(ClipFinding("size", text, grave=True))
    if facts.color.hdr:
        text = (
            f"its picture is HDR ({facts.color.hdr}): it stays HDR if most of the film is, otherwise it is tone-mapped"
        )
        found.append(ClipFinding("hdr", text, grave=False))
    return found


def _seen_findings(measures: Measures, facts: Probe) -> list[ClipFinding]:
    found = []
    if measures.black >= BLACK_SECONDS:
        grave = measures.black > facts.seconds / 2
        found.append(ClipFinding("black", f"{measures.black:.1f} of {facts.seconds:.1f} s are black", grave=grave))
    # A black picture stands still: that is said once.
    if measures.frozen >= max(FROZEN_SECONDS, measures.black + 0.1):
        grave = measures.frozen > facts.seconds * 0.8
        found.append(
            ClipFinding("frozen", f"nothing moves for {measures.frozen:.1f} of {facts.seconds:.1f} s", grave=grave)
        )
    if measures.cuts:
        times = ", ".join(f"{at:.2f} s" for at in measures.cuts[:5])
        found.append(
            ClipFinding("cut", f"another view at {times}{' …' if len(measures.cuts) > 5 else ''}", grave=False)
        )
    return found


def _heard_findings(heard: _Heard, facts: Probe, *, asked: bool) -> list[ClipFinding]:
    if heard.lost:
        return [ClipFinding("broken sound", _damage(heard), grave=asked)]
    if not asked:
        return []
    if facts.audio is None or heard.seconds <= 0:
        return [ClipFinding("silent", "asked for sound, got none", grave=True)]
    found = []
    if heard.seconds < facts.seconds - SHORT_SOUND:
        text = f"its sound ends after {heard.seconds:.1f} of {facts.seconds:.1f} s"
        found.append(ClipFinding("short sound", text, grave=False))
    if not heard.loud:
        found.append(ClipFinding("silent", "its sound is silence", grave=False))
    return found


def _damage(heard: _Heard) -> str:
    if heard.seconds <= 0:
        return "its sound cannot be decoded: the film is silent there"
    places = ", ".join(f"{start:.1f} s" for start, _ in heard.lost[:5])
    seconds = sum(end - start for start, end in heard.lost)
    return f"its sound is damaged at {places}{' …' if len(heard.lost) > 5 else ''}: {seconds:.2f} s of it are silent in the film"


@dataclass(frozen=True, slots=True)
class _Watched:
    black: float
    frozen: float
    cuts: tuple[float, ...]
    tone: MeasuredTone


def _watch(clip: MediaSource, seen: JoinProbe, rate: float, wanted: range, kept: list[VideoFrame]) -> _Watched:
    """Decode every frame, once: into thumbs, which are kept (2 kB a frame), and into a tone; those `wanted` go into `kept`."""
    meter, reducer = ToneMeter(), Reducer(seen.probe, *THUMB)
    lumas: list[bytes] = []
    for number, frame in enumerate(decoded(clip, seen.probe)):
        thumb = reducer.reduce(frame)
        lumas.append(thumb.luma)
        meter.add(number, frame, thumb)
        if number in wanted:
            kept.append(frame)
    steps = [0.0, *(apart(one, other) for one, other in pairwise(lumas))]
    return _Watched(
        black=round(sum(_black(luma) for luma in lumas) / rate, 2),
        frozen=round(_frozen(lumas, steps) / rate, 2),
        cuts=tuple(round(at / rate, 3) for at in range(1, len(lumas)) if _cut(lumas, steps, at)),
        tone=meter.tone(),
    )


def _black(luma: bytes) -> bool:
    """Whether all but a fiftieth of a frame is black."""
    return mean(luma) <= BLACK_LEVEL and sorted(luma)[len(luma) * 49 // 50] <= BLACK_LEVEL


def _frozen(lumas: list[bytes], steps: list[float]) -> int:
    """Frames of the longest standstill."""
    longest = start = 0
    for at in range(1, len(lumas)):
        # Cheap first: most pictures move in the mean from one frame to the next.
        if steps[at] > FROZEN_MEAN or _moved(lumas[start], lumas[at]):
            start = at
        longest = max(longest, at - start)
    return longest + 1 if longest else 0


def _moved(one: bytes, other: bytes) -> bool:
    steps = [*map(abs, map(sub, one, other))]
    return bool(max(steps) > FROZEN_LEVELS or sum(steps) > FROZEN_MEAN * len(steps))


def _cut(lumas: list[bytes], steps: list[float], at: int) -> bool:
    around = max(steps[max(at - 2, 0) : at] + steps[at + 1 : at + 3], default=0.0)
    if steps[at] < max(CUT_LEVELS, CUT_SPIKE * around):
        return False
    return likeness(lumas[at - 1], lumas[at]) < CUT_LIKENESS


@dataclass(frozen=True, slots=True)
class _Heard:
    seconds: float
    silent: float
    loud: bool
    lost: tuple[tuple[float, float], ...]


def _listen(clip: MediaSource, facts: Probe) -> _Heard:
    """Decode the sound as a join does, into peaks of 20 ms."""
    if facts.audio is None:
        return _Heard(0.0, round(facts.seconds, 2), loud=False, lost=())
    with opened(clip, known=True) as container:
        sound = decode(container, channels=1, rate=_RATE, most=_MOST_SECONDS * _RATE)
    values = memoryview(sound.samples)
    quiet = [_peak(values[at : at + _STEP]) < SILENT_PEAK for at in range(0, len(values), _STEP)]
    runs = [(still, sum(_STEP for _ in run)) for still, run in groupby(quiet)]
    seconds = 0.0 if sound.lost and all(quiet) else len(values) / _RATE
    silent = sum(count for still, count in runs if still and count >= SILENT_SECONDS * _RATE) / _RATE
    silent = round(min(silent + max(facts.seconds - seconds, 0), facts.seconds), 2)
    return _Heard(round(seconds, 2), silent, loud=not all(quiet), lost=sound.lost)


def _peak(values: memoryview[int]) -> int:
    loudest, lowest = max(values), min(values)
    return max(loudest, -lowest)
