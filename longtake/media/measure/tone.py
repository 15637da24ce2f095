"""How a clip looks and how well it begins, as numbers. Records of takes hold them, so this module must not load libav."""

from __future__ import annotations

from dataclasses import dataclass

SEEN_DISTANCE = 3.0
"""Levels from which a seam may be seen. Coding a frame again makes 0.3 to 2, the most in fine and gaudy patterns."""
SEEN_LIKENESS = 0.9
"""Likeness under which shapes have moved or gone. Coding a frame again leaves 0.95 and more."""
_STORED = {"extra": "forbid"}


@dataclass(frozen=True, slots=True)
class MeasuredTone:
    """How a clip looks, as means over it; levels run from 0 to 255 in full range, BT.709.

    Attributes:
        luma: brightness.
        contrast: standard deviation of brightness inside a frame.
        blue: tint towards blue (positive) or yellow (negative), 0 is neutral.
        red: tint towards red or cyan, likewise.
        saturation: mean distance from gray.
        sharpness: mean step from one pixel to the next but one in a row: what blur takes away.
    """

    __pydantic_config__ = _STORED

    luma: float
    contrast: float
    blue: float
    red: float
    saturation: float
    sharpness: float


@dataclass(frozen=True, slots=True)
class MeasuredSeam:
    """The step from the frame a shot was given to the first frame it shows, both at 160×90.

    Attributes:
        distance: how far they are apart in brightness and tint: the mean difference of each of luma and the two chroma
            planes, as one length, in levels of 0..255. Under 2 is coding, 3 may be seen, two unrelated pictures have 40
            and more.
        likeness: how alike their shapes are: the mean structural similarity (SSIM) of blocks of luma, 1 for the same, 0
            for unrelated pictures.
    """

    __pydantic_config__ = _STORED

    distance: float
    likeness: float

    @property
    def seen(self) -> bool:
        """Whether the seam may be visible."""
        return self.distance >= SEEN_DISTANCE or self.likeness < SEEN_LIKENESS
