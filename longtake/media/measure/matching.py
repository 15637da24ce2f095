"""Hiding a seam: the step of color between a shot and the one it continues, taken out of the shot's beginning.

Both show the same picture there, so what differs is color and not motion. Means over whole clips cannot tell the two apart, and
correcting by them makes seams where there were none.
"""

from __future__ import annotations

from cmath import phase, rect
from dataclasses import dataclass
from math import degrees, radians
from operator import mul
from typing import TYPE_CHECKING

from longtake.media.measure.grading import ColorCorrection
from longtake.media.measure.seams import SEEN_DISTANCE, MeasuredSeam, between, end
from longtake.media.measure.thumbs import Thumb, mean

if TYPE_CHECKING:
    from pathlib import Path

ALIKE = 0.7
"""Likeness from which two frames show one picture. Less is a cut, which no color can hide."""
WORTH = 0.6
"""Share of a seam that may be left where it still is seen: a correction that leaves more is not made."""
_GAIN, _SHIFT, _TINT, _HUE = 1.4, 48.0, 32.0, 45.0
_BLACK, _WHITE, _ENOUGH = 4, 250, 0.1
"""Levels that are not clipped, and the share of a picture that has to be between them."""
_FLAT = 4.0
"""Variance under which a plane has too little in it to tell a gain from."""


@dataclass(frozen=True, slots=True)
class SeamMatch:
    """A seam as it is, the correction that hides it (None: it is not seen, or not of color), and the seam that is left."""

    correction: ColorCorrection | None
    before: MeasuredSeam
    after: MeasuredSeam


def match_seam(before: Path, after: Path) -> SeamMatch:
    """Fit the correction of a shot's first frame to the last frame of the clip before it.

    Args:
        before: the clip before, or the frame that it ends with.
        after: the shot that continues it.

    Returns:
        A correction that is eased: in full at the shot's beginning, gone at its end, where the next shot continues it.

    Raises:
        MediaError: one of them cannot be decoded.
    """
    wanted, own = end(before, last=True), end(after, last=False)
    was = between(wanted, own)
    if was.distance < SEEN_DISTANCE or was.likeness < ALIKE:
        return SeamMatch(None, was, was)
    step = _fit(wanted, own)
    left = between(wanted, _applied(step, own))
    if left.distance > max(was.distance * WORTH, SEEN_DISTANCE) or left.likeness < was.likeness - 0.02:
        return SeamMatch(None, was, was)
    return SeamMatch(step, was, left)


def _fit(wanted: Thumb, own: Thumb) -> ColorCorrection:
    """The least-squares step: a line for brightness, a turn and a stretch for color."""
    # Where brightness is clipped, nothing tells how bright it was.
    clear = [(a, b) for a, b in zip(own.luma, wanted.luma, strict=True) if _BLACK < a < _WHITE]
    lumas, goals = (
        map(bytes, zip(*clear, strict=True)) if len(clear) > len(own.luma) * _ENOUGH else (own.luma, wanted.luma)
    )
    pivot, goal = mean(lumas), mean(goals)
    spread, both = _covariance(lumas, lumas), _covariance(lumas, goals)
    gain = _within(both / spread, 1 / _GAIN, _GAIN) if spread > _FLAT else 1.0
    # Color as complex numbers: a change of hue is a turn, of saturation a stretch.
    blues, reds = _covariance(own.blue, own.blue), _covariance(own.red, own.red)
    turn = complex(
        _covariance(own.blue, wanted.blue) + _covariance(own.red, wanted.red),
        _covariance(own.blue, wanted.red) - _covariance(own.red, wanted.blue),
    )
    turn = turn / (blues + reds) if blues + reds > _FLAT else 1 + 0j
    hue = _within(degrees(phase(turn)), -_HUE, _HUE)
    saturation = _within(abs(turn), 1 / _GAIN, _GAIN)
    turned = rect(saturation, radians(hue)) * complex(mean(own.blue) - 128, mean(own.red) - 128)
    # Tint is added before the turn.
    tint = (complex(mean(wanted.blue) - 128, mean(wanted.red) - 128) - turned) * rect(1, -radians(hue))
    return ColorCorrection(
        gain=round(gain, 5),
        pivot=round(pivot, 3),
        shift=round(_within(goal - pivot, -_SHIFT, _SHIFT), 3),
        saturation=round(saturation, 5),
        blue=round(_within(tint.real, -_TINT, _TINT), 3),
        red=round(_within(tint.imag, -_TINT, _TINT), 3),
        hue=round(hue, 3),
        eased=True,
    )


def _applied(step: ColorCorrection, own: Thumb) -> Thumb:
    """What the correction makes of a thumb."""
    luma = bytes(_level((value - step.pivot) * step.gain + step.pivot + step.shift) for value in own.luma)
    turn = rect(1, radians(step.hue))
    blues, reds = bytearray(), bytearray()
    for blue, red in zip(own.blue, own.red, strict=True):
        turned = complex((blue - 128) * step.saturation + step.blue, (red - 128) * step.saturation + step.red) * turn
        blues.append(_level(turned.real + 128))
        reds.append(_level(turned.imag + 128))
    return Thumb(luma, bytes(blues), bytes(reds))


def _covariance(one: bytes, other: bytes) -> float:
    return float(sum(map(mul, one, other)) / len(one) - mean(one) * mean(other))


def _level(value: float) -> int:
    return min(max(round(value), 0), 255)


def _within(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)
