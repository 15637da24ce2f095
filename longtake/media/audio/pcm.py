"""The sound of a film's clips as plain samples, each clip exactly as long as its picture.

Coded sound comes in packets of 1,024 samples that fit no frame rate; joining packets drifts. Samples can be cut anywhere,
so sound and picture are together at every joint, to the sample.
"""

from __future__ import annotations

import math
import sys
from array import array
from typing import TYPE_CHECKING

from longtake.media.audio.decoding import decode, soften
from longtake.media.streams.probing import opened

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from fractions import Fraction
    from pathlib import Path

__all__ = ["FORMAT", "RATE", "boundary", "parts"]

RATE = 48_000
"""Samples a second in a film."""
FORMAT = f"s16{'le' if sys.byteorder == 'little' else 'be'}"
"""What ffmpeg calls these samples."""
_QUARTER = math.pi / 2
_FULL = 32767


def boundary(frame: int, fps: Fraction) -> int:
    """The sample a film frame begins at."""
    return round(frame * RATE / fps)


def parts(
    clips: Sequence[Path], spans: Sequence[tuple[int, int]], *, fps: Fraction, channels: int
) -> Iterator[array[int]]:
    """The samples of each clip in turn, crossfaded where they overlap; one clip is in memory at a time.

    Args:
        clips: the files; one without sound is silent.
        spans: the film frame each begins at and the one after its last.
        fps: frames a second of the film.
        channels: 1 or 2, interleaved.

    Raises:
        MediaError: a file cannot be opened. Damaged sound is silent where it is damaged.
    """
    held: array[int] = array("h")
    for i, (path, span) in enumerate(zip(clips, spans, strict=True)):
        begin, end = (boundary(frame, fps) for frame in span)
        samples = _read(path, channels, end - begin)
        if held:
            _mix(held, samples, channels)
        elif i:
            soften(samples, channels, RATE, head=True)
        shared = 0
        if i + 1 < len(clips):
            shared = (end - boundary(spans[i + 1][0], fps)) * channels
            if not shared:
                soften(samples, channels, RATE, head=False)
        keep = len(samples) - shared
        held = samples[keep:]
        del samples[keep:]
        yield samples


def _read(path: Path, channels: int, count: int) -> array[int]:
    """Exactly `count` samples (of each channel) from the moment of the first picture on, silence where there are none."""
    wanted = count * channels
    samples: array[int] = array("h")
    with opened(path, known=True) as container:
        if container.streams.audio:
            samples = decode(container, channels=channels, rate=RATE, most=count).samples
    del samples[wanted:]
    if len(samples) < wanted:
        soften(samples, channels, RATE, head=False)
        samples.frombytes(bytes(2 * (wanted - len(samples))))
    return samples


def _mix(held: array[int], samples: array[int], channels: int) -> None:
    """Fade from `held` into the start of `samples` with equal power: as loud in the middle as at both ends."""
    steps = len(held) // channels
    for step in range(steps):
        angle = step / steps * _QUARTER
        old, new = math.cos(angle), math.sin(angle)
        for at in range(step * channels, (step + 1) * channels):
            samples[at] = min(max(round(held[at] * old + samples[at] * new), -_FULL), _FULL)
