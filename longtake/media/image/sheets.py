"""A contact sheet: many small pictures with their labels in one JPEG, drawn in this process.

Labels are set in letters of our own: neither libav in PyAV nor every ffmpeg can write, and a worker may have no font.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from longtake.errors import MediaError
from longtake.media.image.stills import chain
from longtake.media.streams.probing import opened

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from av.video.frame import VideoFrame

SIDE = 240
"""Pixels of a picture's longer side."""
_GAP = 8
_LABEL = 18
"""Pixels of the line of text below a picture."""
_PAPER, _INK, _NOTHING = 0x16, 0xE6, 0x30
"""Levels of gray: behind everything, of letters, of a picture that is not there."""
_QUALITIES = (4, 7, 12, 20)
"""The JPEG's quantizers, best first: the first that makes it small enough is taken."""
MOST_BYTES = 240_000
"""A sheet of more bytes is coded again, worse: it is put into pages whole."""

_WIDE, _HIGH = 5, 7
_ROWS = (
    "a0e11111f111111 b1e11111e11111e c0e11101010110e d1e11111111111e e1f10101e10101f f1f10101e101010 g0e11101711110f "
    "h1111111f111111 i0e04040404040e j0702020202120c k11121418141211 l1010101010101f m111b1515111111 n11111915131111 "
    "o0e11111111110e p1e11111e101010 q0e11111115120d r1e11111e141211 s0f10100e01011e t1f040404040404 u1111111111110e "
    "v11111111110a04 w1111111515150a x11110a040a1111 y11110a04040404 z1f01020408101f 00e11131519110e 1040c040404040e "
    "20e11010204081f 31f02040201110e 402060a121f0202 51f101e0101110e 60608101e11110e 71f010204080808 80e11110e11110e "
    "90e11110f01020c -0000000e000000 _0000000000001f /01010204081010 .00000000000404 ·00000004000000 ?0e110102040004"
)
_LETTERS = {word[0]: bytes.fromhex(word[1:]) for word in _ROWS.split()} | {" ": bytes(_HIGH)}
"""Seven rows of five dots for every letter that an id has. They look like capitals; ids have none, so nothing is mixed up."""


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A small picture: RGB, a byte a channel, row by row."""

    width: int
    height: int
    pixels: bytes


def thumbnail(picture: Path) -> Thumbnail:
    """A still picture (or the first frame of a clip) made small.

    Raises:
        MediaError: it cannot be decoded.
    """
    with opened(picture) as container:
        frame = next(container.decode(video=0), None) if container.streams.video else None
        if frame is None or frame.is_corrupt:
            raise MediaError(f"{picture.name}: it holds no picture that can be decoded")
        scale = SIDE / max(frame.width, frame.height)
        width, height = (max(1, round(side * scale)) for side in (frame.width, frame.height))
        graph = chain(frame, [("scale", f"{width}:{height}:flags=area"), ("format", "rgb24")])
        graph.vpush(frame)
        plane = graph.vpull().planes[0]
        raw, stride = bytes(plane), plane.line_size
    return Thumbnail(width, height, b"".join(raw[y * stride : y * stride + 3 * width] for y in range(height)))


def small_jpeg(picture: Path) -> bytes:
    """The `thumbnail` of a picture or clip as a JPEG of some 8 kB.

    Raises:
        MediaError: it cannot be decoded.
    """
    from av.video.frame import VideoFrame  # noqa: PLC0415 - a tenth of a second that planning does not have

    one = thumbnail(picture)
    frame = VideoFrame(one.width, one.height, "rgb24")
    stride, row = frame.planes[0].line_size, 3 * one.width
    rows = (one.pixels[y * row : (y + 1) * row].ljust(stride, b"\0") for y in range(one.height))
    frame.planes[0].update(b"".join(rows))
    return _jpeg(frame, _QUALITIES[0])


def sheet(pictures: Sequence[tuple[Thumbnail | None, str]]) -> bytes:
    """A JPEG of pictures in rows, each above its label; one that is None leaves a gray field.

    Args:
        pictures: one at least, and their labels: letters of ids, what is too long for a picture's width is cut in the middle.
    """
    from av.video.frame import VideoFrame  # noqa: PLC0415 - a tenth of a second that planning does not have

    shown = [one for one, _ in pictures if one is not None]
    wide = max((one.width for one in shown), default=SIDE)
    high = max((one.height for one in shown), default=wide * 9 // 16)
    wide = max(wide, SIDE * 9 // 16)  # of upright pictures too a label can be read
    across = _columns(len(pictures), wide, high)
    down = -(-len(pictures) // across)
    # Sides that the JPEG's blocks of color fit.
    width, height = (
        -(-side // 16) * 16 for side in (across * (wide + _GAP) + _GAP, down * (high + _LABEL + _GAP) + _GAP)
    )
    frame = VideoFrame(width, height, "rgb24")
    size = 2 if max(len(label) for _, label in pictures) * 2 * (_WIDE + 1) <= wide else 1
    canvas = _Canvas(frame.planes[0].line_size, height)
    for number, (one, label) in enumerate(pictures):
        x, y = _GAP + number % across * (wide + _GAP), _GAP + number // across * (high + _LABEL + _GAP)
        if one is None:
            canvas.fill(x, y, wide, high, _NOTHING)
        else:
            canvas.paste(x + (wide - one.width) // 2, y + (high - one.height) // 2, one)
        canvas.write(x, y + high, label, wide, size)
    frame.planes[0].update(bytes(canvas.pixels))
    made = b""
    for quality in _QUALITIES:
        made = _jpeg(frame, quality)
        if len(made) <= MOST_BYTES:
            break
    return made


def _columns(count: int, wide: int, high: int) -> int:
    """Columns that make the sheet about as wide as high, and never wider than a page."""
    return max(1, min(count, 1680 // (wide + _GAP), math.ceil(math.sqrt(count * (high + _LABEL) / wide * 1.5))))


class _Canvas:
    """RGB pixels that pictures and letters are put on."""

    def __init__(self, stride: int, height: int) -> None:
        self._stride = stride
        self.pixels = bytearray([_PAPER]) * (stride * height)

    def fill(self, x: int, y: int, width: int, height: int, level: int) -> None:
        row = bytes([level]) * (3 * width)
        for line in range(y, y + height):
            start = line * self._stride + 3 * x
            self.pixels[start : start + len(row)] = row

    def paste(self, x: int, y: int, one: Thumbnail) -> None:
        size = 3 * one.width
        for line in range(one.height):
            start = (y + line) * self._stride + 3 * x
            self.pixels[start : start + size] = one.pixels[line * size : (line + 1) * size]

    def write(self, x: int, y: int, text: str, width: int, size: int) -> None:
        """Text at this many pixels a dot; its middle is cut if it is longer than `width` pixels."""
        most = width // (size * (_WIDE + 1))
        if len(text) > most:
            text = f"{text[: most // 2 - 1]}..{text[len(text) - (most - most // 2 - 1) :]}"
        top = y + (_LABEL - size * _HIGH) // 2
        for place, letter in enumerate(text.lower()):
            left = x + place * size * (_WIDE + 1)
            for row, dots in enumerate(_LETTERS.get(letter, _LETTERS["?"])):
                for column in range(_WIDE):
                    if dots >> (_WIDE - 1 - column) & 1:
                        self.fill(left + column * size, top + row * size, size, size, _INK)


def _jpeg(frame: VideoFrame, quality: int) -> bytes:
    import av  # noqa: PLC0415 - as above

    graph = chain(frame, [("scale", "out_color_matrix=bt601:out_range=pc"), ("format", "yuvj420p")])
    graph.vpush(frame)
    ready = graph.vpull()
    coder: Any = av.CodecContext.create("mjpeg", "w")
    coder.width, coder.height, coder.pix_fmt = ready.width, ready.height, "yuvj420p"
    coder.time_base = Fraction(1)
    coder.qmin = coder.qmax = quality
    ready.pts, ready.time_base = 0, coder.time_base
    return b"".join(bytes(packet) for packet in (*coder.encode(ready), *coder.encode(None)))
