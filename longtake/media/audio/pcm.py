"""The sound of a film's clips as plain samples, each clip exactly as long as its picture.

Coded sound comes in packets of 1,024 samples that fit no frame rate; joining packets drifts. Samples can be cut anywhere,
so sound and picture are together at every joint, to the sample.
"""

from __future__ import annotations

import contextlib
import math
import os
import sys
from array import array
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from longtake.media.audio.decoding import decode, soften
from longtake.media.streams.probing import opened

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Sequence
    from concurrent.futures import Future
    from fractions import Fraction
    from pathlib import Path

    from longtake.media.streams.facts import Audio

RATE = 48_000
"""Samples a second in a film whose clips do not agree on one of `_KEPT`."""
_KEPT = (44_100, RATE)
"""Samples a second that a film takes from its clips: resampling costs a third of decoding, and changes the sound."""
_MOST_THREADS = 4
"""Clips decoded at once; each holds its samples in memory."""
FORMAT = f"s16{'le' if sys.byteorder == 'little' else 'be'}"
"""What ffmpeg calls these samples."""
_QUARTER = math.pi / 2
_FULL = 32767


def rate_of(sounds: Iterable[Audio]) -> int:
    """The samples a second of a film: what its clips agree on, or `RATE`."""
    rates = {sound.rate for sound in sounds}
    return next(iter(rates)) if len(rates) == 1 and rates <= set(_KEPT) else RATE


def boundary(frame: int, fps: Fraction, rate: int = RATE) -> int:
    """The sample a film frame begins at."""
    return round(frame * rate / fps)


def parts(
    clips: Sequence[Path],
    spans: Sequence[tuple[int, int]],
    *,
    heads: Sequence[int] | None = None,
    fps: Fraction,
    channels: int,
    rate: int = RATE,
) -> Iterator[array[int]]:
    """The samples of each clip in turn, crossfaded where they overlap; a few clips are in memory at once, one on a core.

    Args:
        clips: the files; one without sound is silent.
        spans: the film frame each begins at and the one after its last.
        heads: the frames of each that are left out at its start; None: none of any.
        fps: frames a second of the film.
        channels: 1 or 2, interleaved.
        rate: samples a second.

    Raises:
        MediaError: a file cannot be opened. Damaged sound is silent where it is damaged.
    """
    held: array[int] = array("h")
    counts = [boundary(end, fps, rate) - boundary(begin, fps, rate) for begin, end in spans]
    skipped = [boundary(head, fps, rate) for head in heads or [0] * len(clips)]
    with contextlib.closing(_ahead(clips, skipped, counts, channels, rate)) as sounds:
        for i, samples in enumerate(sounds):
            if held:
                _mix(held, samples, channels)
            elif i or skipped[i]:
                soften(samples, channels, rate, head=True)
            shared = 0
            if i + 1 < len(clips):
                shared = (boundary(spans[i][1], fps, rate) - boundary(spans[i + 1][0], fps, rate)) * channels
                if not shared:
                    soften(samples, channels, rate, head=False)
            keep = len(samples) - shared
            held = samples[keep:]
            del samples[keep:]
            yield samples


def _ahead(
    clips: Sequence[Path], skipped: Sequence[int], counts: Sequence[int], channels: int, rate: int
) -> Generator[array[int], None, None]:
    """The samples of each clip, decoded some clips ahead."""
    threads = min(os.cpu_count() or 1, _MOST_THREADS)
    waiting: deque[Future[array[int]]] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix="longtake-pcm") as pool:
        try:
            for path, skip, count in zip(clips, skipped, counts, strict=True):
                waiting.append(pool.submit(_read, path, channels, skip, count, rate))
                if len(waiting) > threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for one in waiting:
                one.cancel()


def _read(path: Path, channels: int, skip: int, count: int, rate: int) -> array[int]:
    """Exactly `count` samples (of each channel), `skip` after the first picture, silence where there are none."""
    wanted = count * channels
    samples: array[int] = array("h")
    with opened(path, known=True) as container:
        if container.streams.audio:
            samples = decode(container, channels=channels, rate=rate, most=skip + count).samples
    del samples[: skip * channels]
    del samples[wanted:]
    if len(samples) < wanted:
        soften(samples, channels, rate, head=False)
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
