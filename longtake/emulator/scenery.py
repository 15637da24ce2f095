"""The pictures of the emulator: a landscape in layers that ffmpeg slides over one another.

Plain Python paints each layer once, as a bitmap; after that a frame costs ffmpeg a few milliseconds. Everything follows
from the prompt, the digest and the size: equal requests give equal pixels.
"""

from __future__ import annotations

import math
import random

from longtake.emulator import prompt_look, terrain
from longtake.emulator.prompt_look import Rgb, mix
from longtake.emulator.terrain import Layer, Stage


def paint(prompt: str, *, digest: str, width: int, height: int, seconds: float) -> tuple[Layer, ...]:
    """Draw the landscape of `prompt` for a frame of `width` x `height` pixels and a clip of `seconds`.

    The first layer is a still that covers the frame, the others move over it, far to near.
    """
    dice = random.Random(digest)  # noqa: S311 - pictures that come out the same, nothing to guess
    seen = prompt_look.read(prompt, dice)
    shore = 0.72 if seen.water else 1.0
    stage = Stage(dice=dice, width=width, height=height, seconds=seconds, way=dice.choice((-1, 1)), shore=shore)
    layers = [_sky(stage, seen)]
    if seen.stars:
        layers.append(_stars(stage))
    sun, middle = _sun(stage, seen.light)
    layers += sun
    layers.append(_clouds(stage, mix(seen.horizon, seen.light, 0.5)))
    ridges = 3 if seen.water else 4
    for index in range(ridges):
        depth = (index + 1) / ridges
        built = seen.city and index >= ridges - 2
        layers.append(terrain.ridge(stage, seen, depth, built=built))
    if seen.water:
        layers += terrain.water(stage, seen, sun_at=middle)
    if seen.rain or seen.snow:
        layers.append(terrain.falling(stage, snow=seen.snow))
    return tuple(layers)


def _sky(stage: Stage, seen: prompt_look.PromptLook) -> Layer:
    rows, low = 128, 0.78 * stage.shore if stage.shore < 1 else 0.72
    pixels = bytearray()
    for row in range(rows):
        at = min(1.0, row / rows / low)
        at = at * at * (3 - 2 * at) * 0.35 + at * 0.65
        upper = at < 0.55
        color = (
            mix(seen.zenith, seen.middle, at / 0.55) if upper else mix(seen.middle, seen.horizon, (at - 0.55) / 0.45)
        )
        pixels += bytes((*color, 255)) * 2
    return Layer(bytes(pixels), 2, rows, (stage.width, stage.height), "0", "0")


def _sun(stage: Stage, light: Rgb) -> tuple[list[Layer], float]:
    """The disc and its glow, which move together; with the column of the disc's middle."""
    dice, height = stage.dice, stage.height
    radius = height * dice.uniform(0.05, 0.095)
    left = stage.width * dice.uniform(0.2, 0.8)
    top = height * dice.uniform(0.18, 0.42) * stage.shore
    slope = height * 0.03 * dice.choice((-1, 1)) / max(stage.seconds, 1)
    parts = []
    for glow, half, side in ((True, round(height * 0.55), 72), (False, round(radius * 1.25), 96)):
        pixels = bytearray()
        for row in range(side):
            for column in range(side):
                away = math.hypot(column + 0.5 - side / 2, row + 0.5 - side / 2) / (side / 2)
                alpha = 0.62 * max(0.0, 1 - away) ** 2.2 if glow else min(1.0, max(0.0, (0.8 - away) * side / 4))
                pixels += bytes((*light, round(255 * alpha)))
        x, y = f"{left - half:.2f}+{slope * 1.4:.4f}*t", f"{top - half:.2f}+{slope:.4f}*t"
        parts.append(Layer(bytes(pixels), side, side, (half * 2, half * 2), x, y))
    return parts, left


def _stars(stage: Stage) -> Layer:
    dice, wide, high = stage.dice, stage.width + 64, round(stage.height * 0.6)
    size = max(2, round(stage.height / 300))
    pixels = bytearray(wide * high * 4)
    for _ in range(150):
        column, row = dice.randrange(wide - size), int((high - size) * dice.random() ** 1.4)
        bright = dice.randrange(70, 255)
        for down in range(size):
            for across in range(size):
                at = ((row + down) * wide + column + across) * 4
                pixels[at : at + 4] = bytes((255, 250, 240, bright >> (across + down)))
    return Layer(bytes(pixels), wide, high, (wide, high), f"-32+{stage.way * 1.5:.2f}*t", "0")


def _clouds(stage: Stage, color: Rgb) -> Layer:
    dice, side, rows = stage.dice, 192, 48
    field = [[0.0] * side for _ in range(rows)]
    for _ in range(11):
        middle, level = dice.uniform(0, side), dice.uniform(6, rows - 6)
        long, tall = dice.uniform(14, 42), dice.uniform(1.0, 3.2)
        for row in range(max(0, int(level - 3 * tall)), min(rows, int(level + 3 * tall) + 1)):
            up = 0.38 * math.exp(-(((row - level) / tall) ** 2))
            for column in range(max(0, int(middle - 2 * long)), min(side, int(middle + 2 * long) + 1)):
                field[row][column] += up * math.exp(-(((column - middle) / long) ** 2))
    hue = bytes(color)
    pixels = b"".join(
        hue + bytes((round(min(0.62, value) * 255 * min(1, column / 12, (side - 1 - column) / 12)),))
        for line in field
        for column, value in enumerate(line)
    )
    reach = 0.035 * stage.width
    shown = (round(stage.width * 1.3 + reach * stage.seconds), round(stage.height * 0.5))
    start = -0.15 * stage.width - (reach * stage.seconds if stage.way > 0 else 0)
    return Layer(pixels, side, rows, shown, f"{start:.2f}+{stage.way * reach:.3f}*t", f"{stage.height * 0.04:.0f}")
