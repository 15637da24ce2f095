"""How a clip looks, as numbers. In a module of its own, because records of takes hold it and must not load libav."""

from __future__ import annotations

from dataclasses import dataclass

_STORED = {"extra": "forbid"}


@dataclass(frozen=True, slots=True)
class MeasuredTone:
    """How a clip looks, as means over it; levels run from 0 to 255 in full range, BT.709.

    Attributes:
        luma: brightness.
        contrast: standard deviation of brightness inside a frame.
        blue: tint towards blue (positive) or yellow (negative), 0 is neutral.
        red: tint towards red or cyan, likewise.
        saturation: mean distance from grey.
        sharpness: mean step from one pixel to the next but one in a row: what blur takes away.
    """

    __pydantic_config__ = _STORED

    luma: float
    contrast: float
    blue: float
    red: float
    saturation: float
    sharpness: float
