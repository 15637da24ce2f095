"""The sound of a film's clips as plain samples, each clip exactly as long as its picture.

Coded sound comes in packets of 1,024 samples that fit no frame rate; joining packets drifts. Samples can be cut anywhere,
so sound and picture are together at every joint, to the sample.
"""

from __future__ import annotations

import sys
from array import array
from fractions import Fraction
from typing import TYPE_CHECKING

from longtake.media.probing import opened

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import av

__all__ = ["FORMAT", "RATE", "boundary", "write"]

RATE = 48_000
"""Samples a second in a film."""
FORMAT = f"s16{'le' if sys.byteorder == 'little' else 'be'}"
"""What ffmpeg calls these samples."""
_SOFT = RATE // 200
"""Samples of fade (5 ms) on each side of a cut: two waves that do not meet would click."""


def boundary(frame: int, fps: Fraction) -> int:
    """The sample a film frame begins at."""
    return round(frame * RATE / fps)


def write(
    clips: Sequence[Path],
    spans: Sequence[tuple[int, int]],
    into: Path,
    *,
    fps: Fraction,
    channels: int,
    progress: Callable[[float], None],
) -> None:
    """Write the samples of all clips, one after the other, crossfaded where they overlap; one clip is in memory at a time.

    Args:
        clips: the files; one without sound is silent.
        spans: the film frame each begins at and the one after its last.
        into: a headerless file of 16-bit samples, see `FORMAT`.
        fps: frames a second of the film.
        channels: 1 or 2, interleaved.
        progress: called with 0 to 1.

    Raises:
        MediaError: a sound track is broken.
    """
    held: array[int] = array("h")
    with into.open("wb") as file:
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
            samples[:keep].tofile(file)
            held = samples[keep:]
            progress((i + 1) / len(clips))


def _read(path: Path, channels: int, count: int) -> array[int]:
    """Exactly `count` samples (of each channel) from the moment of the first picture on, silence where there are none."""
    wanted = count * channels
    samples: array[int] = array("h")
    with opened(path, known=True) as container:
        if container.streams.audio:
            _decode(container, channels, wanted, samples)
    del samples[wanted:]
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


def _append(samples: array[int], part: av.AudioFrame, channels: int) -> None:
    # A plane is padded beyond its samples.
    samples.frombytes(bytes(part.planes[0])[: part.samples * channels * 2])


def _mix(held: array[int], samples: array[int], channels: int) -> None:
    """Fade from `held` into the start of `samples`, in a straight line, as the picture does."""
    steps = len(held) // channels
    for at, old in enumerate(held):
        share = at // channels / steps
        samples[at] = round(old * (1 - share) + samples[at] * share)


def _soften(samples: array[int], channels: int, *, head: bool) -> None:
    steps = min(_SOFT, len(samples) // channels)
    last = len(samples) - 1
    for step in range(steps):
        for channel in range(channels):
            at = step * channels + channel
            at = at if head else last - at
            samples[at] = samples[at] * step // steps
