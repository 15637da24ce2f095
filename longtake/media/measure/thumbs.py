"""Frames made small: black, frozen or cut is as visible in a few thousand pixels as in a million."""

from __future__ import annotations

import math
from dataclasses import dataclass
from operator import mul, sub
from typing import TYPE_CHECKING

from longtake.media.image.stills import chain, options
from longtake.media.streams.colors import reading

if TYPE_CHECKING:
    from av.filter import Graph
    from av.video.frame import VideoFrame
    from av.video.plane import VideoPlane

    from longtake.media.streams.facts import Probe


@dataclass(frozen=True, slots=True)
class Thumb:
    """A small picture: luma and two chroma planes of the same size, 0..255, BT.709, full range, chroma gray at 128."""

    luma: bytes
    blue: bytes
    red: bytes


class Reducer:
    """Makes thumbs of the frames of one file. Each number is the mean of the pixels it stands for."""

    def __init__(self, facts: Probe, width: int, height: int) -> None:
        self._facts, self._size = facts, (width, height)
        self._graph: Graph | None = None

    def reduce(self, frame: VideoFrame) -> Thumb:
        """The thumb of a frame."""
        if self._graph is None:
            width, height = self._size
            exact = "flags=area+accurate_rnd+full_chroma_int"
            # By way of RGB: from one matrix to another at once, libav loses a level. Small first, so that it costs nothing.
            steps = [
                ("scale", f"{width}:{height}:{exact}:{options(**reading(self._facts))}:out_range=pc"),
                ("format", "gbrp16le"),
                ("scale", f"{exact}:out_color_matrix=bt709:out_range=pc"),
                ("format", "yuv444p"),
            ]
            self._graph = chain(frame, steps)
        self._graph.vpush(frame)
        small = self._graph.vpull()
        return Thumb(*(_packed(plane, *self._size) for plane in small.planes))


def mean(plane: bytes) -> float:
    """The mean of a plane."""
    return sum(plane) / len(plane)


def apart(one: bytes, other: bytes) -> float:
    """The mean difference of two planes of one size, in levels of 255."""
    return float(sum(map(abs, map(sub, one, other)))) / len(one)


def contrast(plane: bytes) -> float:
    """How far a plane's numbers lie from their mean (the standard deviation), in levels of 255."""
    middle = mean(plane)
    return math.sqrt(max(sum(map(mul, plane, plane)) / len(plane) - middle * middle, 0.0))


def likeness(one: bytes, other: bytes) -> float:
    """How alike the shapes of two planes of one size are, whatever their brightness: 1 the same, 0 unrelated."""
    spread = contrast(one) * contrast(other)
    if spread < 1.0:  # a plane without shapes is like any other
        return 1.0
    return float(sum(map(mul, one, other)) / len(one) - mean(one) * mean(other)) / spread


def _packed(plane: VideoPlane, width: int, height: int) -> bytes:
    """A plane without what its rows are padded with."""
    raw, stride = bytes(plane), plane.line_size
    if stride == width:
        return raw[: width * height]
    return b"".join(raw[row * stride : row * stride + width] for row in range(height))
