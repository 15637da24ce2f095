"""How a shot looks in a few numbers, and how far a chain has drifted from its first shot.

A chain is made of pictures made from pictures: each generation adds a little contrast, color or softness, no single step
is seen, and after ten shots the film looks like another. So every shot is held against the first of its chain, not against
the one before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot
from operator import sub
from typing import TYPE_CHECKING

from longtake.media.measure.thumbs import contrast, mean
from longtake.media.measure.tone import MeasuredTone

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

    from longtake.media.measure.thumbs import Thumb

THUMB = (64, 36)
"""Width and height of the thumbs a clip is measured in: a number stands for 13×13 pixels at 480p."""
SEEN_LEVELS = 3.0
"""Levels of 255 from which two pictures one after the other differ in brightness or tint to most people; about one L*."""
SEEN_SHARE = 0.06
"""Share from which a change of contrast or colorfulness is seen."""
_EVERY = 6  # frames between two that are looked at for tone: four a second
_SHARP_EVERY = 24
_LEAST = 0.2  # levels below which contrast, color or edges are too small to compare
_ROWS = 8  # every n-th row is measured for sharpness
_FROM_GREY = bytes(abs(level - 128) for level in range(256))


@dataclass(frozen=True, slots=True)
class Drift:
    """How a shot differs from the first of its chain.

    Attributes:
        luma: levels brighter (darker when negative).
        contrast: times the contrast; 1 is the same, as for `saturation` and `sharpness`.
        blue: levels towards blue.
        red: levels towards red.
        saturation: times as colorful.
        sharpness: times as sharp.
        distance: brightness and tint as one distance, in levels; below `SEEN_LEVELS` it is not visible.
        visible: whether any of brightness, tint, contrast and saturation is past what is seen. Sharpness is not counted: it
            follows what a shot shows more than how it was made.
    """

    luma: float
    contrast: float
    blue: float
    red: float
    saturation: float
    sharpness: float

    @property
    def distance(self) -> float:
        """See above."""
        return hypot(self.luma, self.blue, self.red)

    @property
    def visible(self) -> bool:
        """See above."""
        return self.distance >= SEEN_LEVELS or any(
            not 1 / (1 + SEEN_SHARE) < times < 1 + SEEN_SHARE for times in (self.contrast, self.saturation)
        )


def drift(first: MeasuredTone, shot: MeasuredTone) -> Drift:
    """How `shot` differs from `first`, the first shot of its chain."""
    return Drift(
        luma=shot.luma - first.luma,
        contrast=_times(shot.contrast, first.contrast),
        blue=shot.blue - first.blue,
        red=shot.red - first.red,
        saturation=_times(shot.saturation, first.saturation),
        sharpness=_times(shot.sharpness, first.sharpness),
    )


class ToneMeter:
    """Gathers the tone of a clip from its frames."""

    def __init__(self) -> None:
        self._seen: list[tuple[float, float, float, float, float]] = []
        self._sharp: list[float] = []

    def add(self, number: int, frame: VideoFrame, thumb: Thumb) -> None:
        """Take frame `number` and its thumb; most frames are passed over."""
        if number % _EVERY:
            return
        color = mean(thumb.blue.translate(_FROM_GREY)) + mean(thumb.red.translate(_FROM_GREY))
        self._seen.append(
            (mean(thumb.luma), contrast(thumb.luma), mean(thumb.blue) - 128, mean(thumb.red) - 128, color)
        )
        if number % _SHARP_EVERY == 0:
            self._sharp.append(_sharpness(frame))

    def tone(self) -> MeasuredTone:
        """The means of what was seen, to a hundredth of a level."""
        columns = [*zip(*self._seen, strict=True)]
        means = (sum(column) / len(column) for column in (*columns, self._sharp))
        return MeasuredTone(*(round(value, 2) for value in means))


def _sharpness(frame: VideoFrame) -> float:
    gray = frame.reformat(format="gray8")
    plane = gray.planes[0]
    raw, stride, width = bytes(plane), plane.line_size, gray.width
    total = count = 0
    for start in range(0, gray.height * stride, stride * _ROWS):
        row = raw[start : start + width]
        total += sum(map(abs, map(sub, row[2:], row)))
        count += max(width - 2, 1)
    return total / count


def _times(shot: float, first: float) -> float:
    """How many times `first` a measure is; of next to nothing, nothing can be said."""
    return shot / first if min(shot, first) >= _LEAST else 1.0
