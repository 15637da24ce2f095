"""The sound of a film's clips as plain samples, each clip exactly as long as its picture.

Coded sound comes in packets of 1,024 samples that fit no frame rate; joining packets drifts. Samples can be cut anywhere,
so sound and picture are together at every joint, to the sample.
"""

from __future__ import annotations

import math
import sys
from array import array
from fractions import Fraction
from typing import TYPE_CHECKING

from longtake.media.streams.probing import opened

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import av

__all__ = ["FORMAT", "RATE", "boundary", "parts"]

RATE = 48_000
"""Samples a second in a film."""
FORMAT = f"s16{'le' if sys.byteorder == 'little' else 'be'}"
"""What ffmpeg calls these samples."""
_SOFT = RATE // 200
"""Samples of fade (5 ms) on each side of a cut: two waves that do not meet would click."""
_PADDING = 2 * 1024
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
        MediaError: a sound track is broken.
    """
    held: array[int] = array("h")
    for i, (path, span) in enumerate(zip(clips, spans, strict=True)):
        begin, end = (boundary(frame, fps) for frame in span)
        samples = _read(path, channels, end - begin)
        if held:
            _mix(held, samples, channels)
        elif i:
            _soften(samples, channels, head=True)
        shared = 0
        if i + 1 < len(clips):
            shared = (end - boundary(spans[i + 1][0], fps)) * channels
            if not shared:
                _soften(samples, channels, head=False)
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
            _decode(container, channels, wanted, samples)
    del samples[wanted:]
    if len(samples) < wanted:
        _soften(samples, channels, head=False)
        samples.frombytes(bytes(2 * (wanted - len(samples))))
    return samples


def _decode(container: av.container.InputContainer, channels: int, wanted: int, samples: array[int]) -> None:
    import av  # noqa: PLC0415 - see probing.opened()

    video = container.streams.video[0]
    picture = (video.start_time or 0) * (video.time_base or Fraction(0))
    resampler = av.AudioResampler(format="s16", layout="mono" if channels == 1 else "stereo", rate=RATE)
    skip = -1
    for frame in container.decode(audio=0):
        if skip < 0:
            late = round(((frame.pts or 0) * (frame.time_base or Fraction(0)) - picture) * RATE) * channels
            samples.frombytes(bytes(2 * min(max(late, 0), wanted)))
            skip = max(-late, 0)
        for part in resampler.resample(frame):
            _append(samples, part, channels)
        if len(samples) - skip >= wanted:
            break
    else:
        for part in resampler.resample(None):
            _append(samples, part, channels)
    del samples[: max(skip, 0)]
    _trim(container, picture, channels, samples)


def _trim(container: av.container.InputContainer, picture: Fraction, channels: int, samples: array[int]) -> None:
    """Take off what only fills the last packet up: behind the end that the file gives, and less than two packets of it."""
    audio = container.streams.audio[0]
    if audio.duration is None or audio.time_base is None:
        return
    end = max(round((((audio.start_time or 0) + audio.duration) * audio.time_base - picture) * RATE), 0) * channels
    if 0 < len(samples) - end < _PADDING * channels:
        del samples[end:]


def _append(samples: array[int], part: av.AudioFrame, channels: int) -> None:
    # A plane is padded beyond its samples.
    samples.frombytes(bytes(part.planes[0])[: part.samples * channels * 2])


def _mix(held: array[int], samples: array[int], channels: int) -> None:
    """Fade from `held` into the start of `samples` with equal power: as loud in the middle as at both ends."""
    steps = len(held) // channels
    for step in range(steps):
        angle = step / steps * _QUARTER
        old, new = math.cos(angle), math.sin(angle)
        for at in range(step * channels, (step + 1) * channels):
            samples[at] = min(max(round(held[at] * old + samples[at] * new), -_FULL), _FULL)


def _soften(samples: array[int], channels: int, *, head: bool) -> None:
    """Fade the start in, or the end out, along the same curve."""
    steps = min(_SOFT, len(samples) // channels)
    last = len(samples) - 1
    for step in range(steps):
        share = math.sin(step / steps * _QUARTER)
        for channel in range(channels):
            at = step * channels + channel
            at = at if head else last - at
            samples[at] = round(samples[at] * share)
