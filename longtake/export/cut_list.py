"""The cut list: which frames of which take a film shows. It is computed from the manifest alone.

Positions and lengths are whole frames at the film's rate. Where two clips overlap in a transition, the cut lies in the middle of
the overlap, as editors count it: the clip before is shown up to the cut, the next one from it on, and both have frames to spare.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from longtake.library import ClipFile, Take
    from longtake.manifest import FilmShot, Manifest

_RATES = (
    *(Fraction(rate) for rate in (12, 15, 16, 24, 25, 30, 48, 50, 60)),
    *(Fraction(n * 1000, 1001) for n in (24, 30, 60)),
)


@dataclass(frozen=True, slots=True)
class ListedTransition:
    """A transition around a cut: `before` frames of it lie before the cut and `after` behind it."""

    kind: str
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class ListedShot:
    """What the film shows of one shot's take.

    Attributes:
        number: the shot's place in the film, from 1.
        shot: the shot with its take, alternates, seam and drift, as the manifest has it.
        caption: its subtitle.
        at: the film frame of the cut it begins with.
        first: the frame of its clip that is shown first behind that cut.
        frames: how many are shown up to the next cut.
        spare: the frames of its clip behind those: of a transition, or the one that the next clip begins with.
        transition: how it follows the shot before; None for a cut.
    """

    number: int
    shot: FilmShot
    caption: str | None
    at: int
    first: int
    frames: int
    spare: int
    transition: ListedTransition | None


@dataclass(frozen=True, slots=True)
class CutList:
    """A film as an editor sees it: its rate in frames a second, and its shots in order."""

    rate: Fraction
    frames: int
    shots: tuple[ListedShot, ...]

    @property
    def takes(self) -> tuple[Take, ...]:
        """Every kept take of the film once: the used takes and their alternates."""
        found = {take.fingerprint: take for one in self.shots for take in (one.shot.used, *one.shot.alternates)}
        return tuple(found.values())


def of_manifest(manifest: Manifest) -> CutList:
    """Work out what the film of a manifest shows of each take."""
    rate = _nearest(manifest.frames, manifest.seconds)
    starts = [round(shot.start * rate) for shot in manifest.shots]
    overlaps = [_frames(cut.transition.seconds, rate) if cut.transition else 0 for cut in manifest.timeline.cuts]
    # A cut in the middle of each overlap; the film's two ends are cuts, too.
    cuts = [start + overlap // 2 for start, overlap in zip(starts, overlaps, strict=True)]
    shots = []
    for i, (shot, cut) in enumerate(zip(manifest.shots, manifest.timeline.cuts, strict=True)):
        end = cuts[i + 1] if i + 1 < len(cuts) else manifest.frames
        before, frames = cuts[i] - starts[i], end - cuts[i]
        first = before + (cut.trim.frames(rate)[0] if cut.trim is not None else 0)
        transition = None
        if cut.transition is not None and overlaps[i]:
            transition = ListedTransition(cut.transition.kind, before, overlaps[i] - before)
        spare = max(length_of(shot.used.clip, rate) - first - frames, 0)
        shots.append(ListedShot(i + 1, shot, cut.caption, cuts[i], first, frames, spare, transition))
    return CutList(rate, manifest.frames, tuple(shots))


def rate_of(clip: ClipFile) -> Fraction:
    """A clip's frames a second."""
    return _nearest(clip.frames, clip.seconds)


def _nearest(frames: int, seconds: float) -> Fraction:
    """The rate that a count of frames and a length in seconds stand for: one in common use where it is that."""
    if frames <= 0 or not math.isfinite(seconds) or seconds <= 0:
        return Fraction(24)
    exact = Fraction(frames) / Fraction(seconds)
    near = min(_RATES, key=lambda rate: abs(rate - exact))
    # Half a frame over the whole length cannot be distinguished from a rate of its own.
    if abs(near - exact) * Fraction(seconds) < Fraction(1, 2) and abs(near / exact - 1) < Fraction(1, 2000):
        return near
    return exact.limit_denominator(1001)


def _frames(seconds: float, rate: Fraction) -> int:
    """The frames of a transition, counted as the join counts them."""
    return max(round(seconds * rate), 1) if seconds else 0


def length_of(clip: ClipFile, rate: Fraction) -> int:
    """A clip's frames at a film's rate, counted as the join counts them."""
    own = rate_of(clip)
    return clip.frames if own == rate else max(1, round(clip.frames * rate / own))
