"""How well a chained shot begins where the one before it ended, as a number for each seam."""

from __future__ import annotations

from math import hypot
from operator import mul
from typing import TYPE_CHECKING

from longtake.errors import MediaError
from longtake.media.image.frames import end_frame
from longtake.media.measure.thumbs import Reducer, apart
from longtake.media.measure.tone import SEEN_DISTANCE, SEEN_LIKENESS, MeasuredSeam
from longtake.media.streams.facts import Probe
from longtake.media.streams.probing import color_of, opened, probe
from longtake.media.streams.sniff import sniff

if TYPE_CHECKING:
    from pathlib import Path

    from longtake.media.measure.thumbs import Thumb

__all__ = ["SEEN_DISTANCE", "SEEN_LIKENESS", "MeasuredSeam", "between", "end", "seam"]

_SIZE = (160, 90)
_BLOCK = 8
# The constants of SSIM: they keep flat blocks, where there is nothing to compare, from counting as unlike.
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def seam(before: Path, after: Path) -> MeasuredSeam:
    """Measure the seam between a shot and the one it continues.

    Args:
        before: the frame the shot was given (PNG or another still), or the clip before it, whose last frame counts.
        after: the shot: a clip, whose first frame counts.

    Raises:
        MediaError: one of them is a sound or cannot be decoded.
    """
    return between(end(before, last=True), end(after, last=False))


def between(one: Thumb, other: Thumb) -> MeasuredSeam:
    """The seam between two frames made small by `end`."""
    distance = hypot(apart(one.luma, other.luma), apart(one.blue, other.blue), apart(one.red, other.red))
    return MeasuredSeam(round(distance, 2), round(_similarity(one.luma, other.luma), 3))


def end(path: Path, *, last: bool) -> Thumb:
    """The last or the first frame of a clip, or a still, made small.

    Raises:
        MediaError: it is a sound or cannot be decoded.
    """
    found = sniff(path)
    if found.kind == "audio":
        raise MediaError(f"{path.name}: expected a picture, got {found.format.upper()}")
    if last and found.kind == "video":
        facts = probe(path)
        return Reducer(facts, *_SIZE).reduce(end_frame(path, facts, last=True))
    # Opened once and one frame decoded: a probe would decode it three times more.
    with opened(path, found, known=True) as container:
        context = container.streams.video[0].codec_context if container.streams.video else None
        if context is not None:
            context.skip_frame = "DEFAULT"
        frame = next(container.decode(video=0), None) if context is not None else None
        if context is None or frame is None or frame.is_corrupt:
            raise MediaError(f"{path.name}: its first frame cannot be decoded")
        facts = Probe(found.kind, found.format, 0, frame.width, frame.height, color=color_of(context))
        return Reducer(facts, *_SIZE).reduce(frame)


def _similarity(one: bytes, other: bytes) -> float:
    width, height = _SIZE
    total = count = 0.0
    for top in range(0, height - _BLOCK + 1, _BLOCK):
        for left in range(0, width, _BLOCK):
            at = [row * width + left for row in range(top, top + _BLOCK)]
            a = b"".join(one[start : start + _BLOCK] for start in at)
            b = b"".join(other[start : start + _BLOCK] for start in at)
            total += _block(a, b)
            count += 1
    return total / count


def _block(a: bytes, b: bytes) -> float:
    """SSIM of two blocks."""
    n = len(a)
    mean_a, mean_b = sum(a) / n, sum(b) / n
    var_a = sum(map(mul, a, a)) / n - mean_a * mean_a
    var_b = sum(map(mul, b, b)) / n - mean_b * mean_b
    both = sum(map(mul, a, b)) / n - mean_a * mean_b
    alike = (2 * mean_a * mean_b + _C1) * (2 * both + _C2)
    return float(alike / ((mean_a * mean_a + mean_b * mean_b + _C1) * (var_a + var_b + _C2)))
