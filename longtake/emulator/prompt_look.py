"""Choose colors and contents of a picture (water, a city, rain, snow) by the words of a prompt."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

Rgb = tuple[int, int, int]
"""Red, green and blue, 0 to 255 each."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_PALETTES: dict[str, tuple[str, str, str, str, str]] = {
    # zenith, middle of the sky, horizon, sun or moon, nearest ridge
    "dawn": ("2b3a67", "c9739a", "ffd3a5", "fff1d0", "1d1b3a"),
    "noon": ("2f7fc9", "86c5ec", "e8f5f2", "fffbe6", "12433f"),
    "gold": ("5b4b8a", "e88d67", "ffdf9e", "fff3c4", "2c1630"),
    "dusk": ("1b1740", "7a2e6d", "ff9068", "ffd9a0", "120c26"),
    "night": ("060a1f", "14264f", "3b5c8c", "e9f1ff", "03060f"),
    "storm": ("1c2531", "42525f", "93a3a6", "dfe9ea", "0c1219"),
    "rose": ("51355a", "d57a8f", "fbe0d3", "fff6ee", "2a0c26"),
    "mint": ("0e4d64", "3fa796", "def5c8", "fffde0", "062b33"),
    "snow": ("6d8fb3", "b9d2e6", "f7fbff", "ffffff", "274060"),
    "desert": ("32688e", "e6b98a", "fde7c0", "fff7dd", "6a2c17"),
}
_HINTS: dict[str, frozenset[str]] = {
    "dawn": _words("dawn sunrise morning wake awake"),
    "noon": _words("noon day sunny sky blue summer meadow field grass"),
    "gold": _words("gold golden autumn warm kitten cat candle lamp honey"),
    "dusk": _words("dusk sunset evening fire flame red"),
    "night": _words("night moon star dark midnight beam space dream"),
    "storm": _words("storm rain thunder lightning cloud fog grey gray wind"),
    "rose": _words("rose love flower spring blossom pink dance"),
    "mint": _words("forest jungle garden green tree river leaf"),
    "snow": _words("snow winter ice arctic frost mountain white"),
    "desert": _words("desert sand dune canyon camel"),
}
_WATER = _words(
    "sea ocean wave lake river water ship boat beach coast harbor harbour rock lighthouse island shore tide sail"
)
_CITY = _words("city street tower skyline town office roof neon building car traffic")
_RAIN = _words("rain storm")
_DARK = frozenset({"night", "dusk"})


@dataclass(frozen=True)
class PromptLook:
    """What a picture shows, and in which colors."""

    zenith: Rgb
    middle: Rgb
    horizon: Rgb
    light: Rgb
    near: Rgb
    stars: bool
    water: bool
    city: bool
    rain: bool
    snow: bool


def read(prompt: str, dice: random.Random) -> PromptLook:
    """Choose the look that the words of `prompt` name; `dice` decide what they leave open."""
    words = set(re.findall(r"[a-z]+", prompt.lower()))
    words |= {word.removesuffix("s") for word in words}
    named = [name for name, hints in _HINTS.items() if words & hints]
    name = dice.choice(named or list(_PALETTES))
    zenith, middle, horizon, light, near = (_color(value) for value in _PALETTES[name])
    return PromptLook(
        zenith=zenith,
        middle=middle,
        horizon=horizon,
        light=light,
        near=near,
        stars=name in _DARK or "star" in words,
        water=bool(words & _WATER),
        city=bool(words & _CITY),
        rain=bool(words & _RAIN),
        snow="snow" in words,
    )


def mix(one: Rgb, other: Rgb, share: float) -> Rgb:
    """A color between two; `share` 0 is the first, 1 the other."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def _color(value: str) -> Rgb:
    return int(value[0:2], 16), int(value[2:4], 16), int(value[4:6], 16)
