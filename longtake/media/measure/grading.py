"""One step of color for a clip or a picture, as numbers and as the ffmpeg filters that make it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ColorCorrection:
    """One step of color for a clip; two equal ones give equal pictures.

    Attributes:
        gain: brightness is multiplied by it, around `pivot`.
        pivot: the level (0..255) that `gain` leaves where it is: the shot's own mean.
        shift: levels brightness moves by.
        saturation: distance from gray is multiplied by it.
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
