"""The ground of a picture: ridges, buildings, water, rain and snow, each painted as one bitmap."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from longtake.emulator.prompt_look import PromptLook, mix

if TYPE_CHECKING:
    import random


@dataclass(frozen=True)
class Layer:
    """One bitmap and its way across the picture.

    `pixels` are RGBA bytes of `width` x `height`; with `turned` they are stored column by column, so width and height are
    swapped. ffmpeg scales the upright bitmap to `shown` pixels. `x` and `y` are overlay expressions of `t`, the seconds
    since the clip began.
    """

    pixels: bytes
    width: int
    height: int
    shown: tuple[int, int]
    x: str
    y: str
    turned: bool = False


@dataclass(frozen=True)
class Stage:
    """The frame that is painted for: pixels, seconds, the way things drift (-1 or 1), where the water begins (1: none)."""

    dice: random.Random
    width: int
    height: int
    seconds: float
    way: int
    shore: float

    def drift(self, pace: float) -> tuple[int, int, str]:
        """Width needed, room to spare and the x expression of a layer that moves `pace` widths a second."""
        speed = self.way * pace * self.width
        spare = math.ceil(abs(speed) * self.seconds) + 4
        start = 0 if speed < 0 else -(spare - 2)
        return self.width + spare, spare, f"{start}+{speed:.3f}*t"


def ridge(stage: Stage, seen: PromptLook, depth: float, *, built: bool) -> Layer:
    """A line of hills, or of buildings when `built`; `depth` goes from 0 (far) to 1 (near)."""
    height, wet = stage.height, stage.shore < 1
    tone = mix(seen.horizon, seen.near, 0.2 + 0.5 * depth if wet else 0.25 + 0.75 * depth)
    base = height * (stage.shore - 0.1 * (1 - depth) - 0.03 if wet else 0.62 + 0.22 * depth)
    wide, _, x = stage.drift(0.01 + 0.045 * depth**2)
    tops = _blocks(stage, wide, base, depth) if built else _hills(stage, wide, base, depth)
    # The shade runs down from each column's own top, as mist gathers at the foot of a hill.
    steps = max(1, height // 5)
    mist = mix(tone, seen.horizon, 0.45)
    shade = b"".join(
        bytes((*mix(tone, mist, min(1, row / steps / 1.6) ** 1.2 * 0.55), 255)) for row in range(2 * steps)
    )
    shade += shade[-4:] * height
    clear = bytes(4 * height)
    floor = int(height * stage.shore)
    columns = []
    for top in tops:
        whole = max(0, min(int(top), height - 1))
        edge = bytes((*tone, round(255 * (1 - min(1.0, max(0.0, top - whole))))))
        column = clear[: whole * 4] + edge + shade
        columns.append(bytearray(column[: floor * 4] + clear[: (height - floor) * 4]))
    if built:
        _light_windows(stage, columns, tops, bytes((*mix(seen.light, (255, 214, 140), 0.6), round(150 + 90 * depth))))
    return Layer(b"".join(columns), height, wide, (wide, height), x, "0", turned=True)


def _hills(stage: Stage, wide: int, base: float, depth: float) -> list[float]:
    waves = [(stage.dice.uniform(0.8, 1.7) * 2**n, stage.dice.uniform(0, math.tau), 0.5**n) for n in range(6)]
    scale = stage.height * (0.05 + 0.05 * depth) * (0.55 if stage.shore < 1 else 1)
    return [
        base
        - scale
        * sum(share * (1 - 1.6 * abs(math.sin(at / stage.height * pitch + phase))) for pitch, phase, share in waves)
        for at in range(wide)
    ]


def _blocks(stage: Stage, wide: int, base: float, depth: float) -> list[float]:
    tops: list[float] = []
    while len(tops) < wide:
        across = max(6, round(stage.width * stage.dice.uniform(0.015, 0.05)))
        tops += [base - stage.height * stage.dice.uniform(0.02, 0.22) * (0.6 + 0.4 * depth)] * across
    return tops[:wide]


def _light_windows(stage: Stage, columns: list[bytearray], tops: list[float], lit: bytes) -> None:
    step = max(5, stage.height // 60)
    size = max(2, step // 2)
    floor = int(stage.height * stage.shore)
    for column in range(step, len(columns) - step, step):
        top = tops[column]
        if top != tops[column + size] or top != tops[column - 2]:
            continue
        for row in range(int(top) + step, min(floor - step, int(top + stage.height * 0.3)), step):
            if stage.dice.random() < 0.3:
                for across in range(size):
                    columns[column + across][row * 4 : (row + size) * 4] = lit * size


def water(stage: Stage, seen: PromptLook, *, sun_at: float) -> list[Layer]:
    """A lake or sea below the shore: its body, and sheets of glints that drift against each other."""
    top = int(stage.height * stage.shore)
    high = stage.height - top
    deep, shine = mix(seen.middle, seen.near, 0.55), mix(seen.horizon, seen.light, 0.4)
    rows = (mix(mix(deep, shine, 0.55), deep, min(1, row / 40)) for row in range(64))
    layers = [Layer(b"".join(bytes((*row, 255)) * 2 for row in rows), 2, 64, (stage.width, high), "0", str(top))]
    bob = stage.height * 0.006
    for sheet, pace in enumerate((0.03, -0.05)):
        wide, spare, x = stage.drift(pace)
        glints = round(wide * high / 900 * (480 / stage.height))
        places = [(stage.dice.randrange(wide), stage.dice.uniform(0.12, 0.5)) for _ in range(glints)]
        # The path of light below the sun, wider towards the viewer.
        places += [
            (int(sun_at + spare / 2 + stage.dice.gauss(0, 0.035) * stage.width), stage.dice.uniform(0.3, 0.75))
            for _ in range(glints // 4)
        ]
        field = bytearray(bytes((*shine, 0)) * (wide * high))
        for middle, glint in places:
            near = stage.dice.random() ** 1.2
            long = max(4, int(stage.width * (0.008 + 0.05 * near) * stage.dice.uniform(0.4, 1.4)))
            first = max(0, middle - long // 2)
            swell = [int(255 * glint * math.sin(math.pi * (n + 0.5) / long)) for n in range(min(long, wide - first))]
            for row in range(int(near * high), min(high, int(near * high) + 1 + int(near * stage.height / 240))):
                at = (row * wide + first) * 4 + 3
                reach = slice(at, at + 4 * len(swell), 4)
                field[reach] = bytes(map(max, field[reach], swell))
        y = f"{top}+{bob:.2f}*(1+sin(t*1.7+{sheet * 2}))"
        layers.append(Layer(bytes(field), wide, high, (wide, high), x, y))
    return layers


def falling(stage: Stage, *, snow: bool) -> Layer:
    """Rain, or snow: a sheet twice as high as the frame, both halves alike, that falls by its half over and over."""
    dice, wide, high = stage.dice, stage.width, stage.height
    speed = high * (0.16 if snow else 0.9)
    grain = max(1, round(high / 400))
    pixels = bytearray(wide * high * 4)
    for _ in range(high * wide // (3000 if snow else 1300) // grain):
        long = 2 * grain if snow else dice.randrange(10, 26) * grain
        across = 2 * grain if snow else grain
        row, column = dice.randrange(high), dice.randrange(wide - across)
        alpha = dice.randrange(120, 230) if snow else dice.randrange(30, 90)
        line = bytes((235, 242, 250, alpha)) * across
        for down in range(long):
            at = ((row + down) % high * wide + column) * 4
            pixels[at : at + len(line)] = line
    return Layer(bytes(pixels) * 2, wide, 2 * high, (wide, 2 * high), "0", f"-{high}+mod({speed:.2f}*t,{high})")
