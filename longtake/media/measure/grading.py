"""Bringing a drifted shot back towards the first of its chain: one gentle step for a whole clip.

It is the same for every frame, so nothing flickers, and it is bounded, so that a shot that is meant to look otherwise (night
falls) is pulled a little and not undone. It is for those who ask for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from longtake.media.measure.tones import drift

if TYPE_CHECKING:
    from longtake.media.measure.tone import MeasuredTone

__all__ = ["MAX_GAIN", "MAX_SHIFT", "MAX_TINT", "ColorCorrection", "correction"]

MAX_GAIN = 0.10
"""Contrast and colourfulness change by so much at most."""
MAX_SHIFT = 12.75
"""Levels (0..255) brightness moves by at most: a twentieth of the range."""
MAX_TINT = 6.0
"""Levels each of the two tints moves by at most; more turns skin into clay."""


@dataclass(frozen=True, slots=True)
class ColorCorrection:
    """One step of color for a clip; two equal ones give equal pictures.

    Attributes:
        gain: brightness is multiplied by it, around `pivot`.
        pivot: the level (0..255) that `gain` leaves where it is: the shot's own mean.
        shift: levels brightness moves by.
        saturation: distance from grey is multiplied by it.
        blue: levels of tint towards blue that are added.
        red: levels of tint towards red, likewise.
        hue: degrees that color is turned by, last.
        eased: whether it fades out over the clip: in full at its first frame, gone at its last.
    """

    gain: float
    pivot: float
    shift: float
    saturation: float
    blue: float
    red: float
    hue: float = 0.0
    eased: bool = False

    def filters(self, *, full: bool = False) -> list[tuple[str, dict[str, Any]]]:
        """The ffmpeg filters that do it, in order: for YUV pictures of any depth and matrix.

        They need `lutyuv` and say nothing of sizes or formats. Place them where the picture still has its own depth.

        Args:
            full: whether the picture is in full range there (`Color.range` 2); ffmpeg's table does not know it.
        """
        # One level of 8 bits at the depth of the picture: black is 16 of them where a format does not say full range.
        one = "if(minval,minval/16,1)"
        low, white, strong = (0, 255, 255) if full else (16, 235, 240)
        luma, chroma = (white - low) / 255, (strong - low) / 255

        def line(gain: float, pivot: float, shift: float, high: int) -> str:
            # A table cuts off what follows the point.
            value = f"(val/{one}-{pivot:.3f})*{gain:.5f}+{pivot + shift:.3f}"
            return f"floor(clip({value},{low},{high + 0.996})*{one}+0.5)"

        y = line(self.gain, low + self.pivot * luma, self.shift * luma, white)
        u, v = (line(self.saturation, 128, tint * chroma, strong) for tint in (self.blue, self.red))
        turn: list[tuple[str, dict[str, Any]]] = [("hue", {"h": self.hue})] if self.hue else []
        return [("lutyuv", {"y": y, "u": u, "v": v}), *turn]


def correction(first: MeasuredTone, shot: MeasuredTone) -> ColorCorrection | None:
    """What brings `shot` towards `first`, the first shot of its chain; None when nobody sees a difference."""
    moved = drift(first, shot)
    if not moved.visible:
        return None
    saturation = _within(1 / moved.saturation, 1 - MAX_GAIN, 1 + MAX_GAIN)
    return ColorCorrection(
        gain=round(_within(1 / moved.contrast, 1 - MAX_GAIN, 1 + MAX_GAIN), 5),
        pivot=round(shot.luma, 3),
        shift=round(_within(-moved.luma, -MAX_SHIFT, MAX_SHIFT), 3),
        saturation=round(saturation, 5),
        # The gain of colour moves the mean tint too.
        blue=round(_within(first.blue - shot.blue * saturation, -MAX_TINT, MAX_TINT), 3),
        red=round(_within(first.red - shot.red * saturation, -MAX_TINT, MAX_TINT), 3),
    )


def _within(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)
