"""AAC from samples, on all cores at once: the encoder itself uses but one, and is most of what a join of copied clips costs.

The sound is encoded in segments, each by an encoder of its own that hears some of the sound before and after it, so that the
packets of two neighbors fit together. Where segments begin is fixed: the bytes do not depend on the number of cores.
"""

from __future__ import annotations

import os
from array import array
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from longtake.media.audio.pcm import RATE

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator
    from concurrent.futures import Future

    from av import AudioCodecContext, Packet
    from av.audio.stream import AudioStream
    from av.container import OutputContainer

CODER = "fast"
"""Twice as fast as the encoder's default, and better from 64 kbit/s a channel on."""
_PACKET = 1024
"""Samples in a packet. The first packet of a track holds what is before its first sample."""
_SEGMENT = 1024
"""Packets encoded in one go: 22 seconds, four megabytes of samples."""
_RUN_UP = 16
"""Packets encoded before a segment and thrown away, until the encoder is as if it had heard it all."""
_RUN_OUT = 4
"""Packets of sound an encoder hears behind its segment, since it looks ahead."""
_FRAME = 32 * _PACKET
_MOST_THREADS = 8


@dataclass(frozen=True, slots=True)
class Samples:
    """A film's sound before it is encoded: `count` samples of each of `channels` in `parts`, 16 bits each, interleaved."""

    parts: Iterable[array[int]]
    count: int
    channels: int
    rate: int = RATE


def bit_rate(channels: int) -> int:
    """Bits a second of a film's sound."""
    return 128_000 if channels == 1 else 192_000


def add_stream(film: OutputContainer, sound: Samples) -> AudioStream:
    """A sound track for the `packets` of a sound."""
    stream: AudioStream = film.add_stream("aac", rate=sound.rate)
    _set(stream.codec_context, sound)
    return stream


def packets(sound: Samples) -> Generator[Packet[Any], None, None]:
    """The packets of a sound, in order; `parts` is read some segments ahead of them.

    Raises:
        av.FFmpegError: the encoder failed.
    """
    threads = min(os.cpu_count() or 1, _MOST_THREADS)
    waiting: deque[Future[list[Packet[Any]]]] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix="longtake-aac") as pool:
        try:
            for begin, samples in _segments(sound):
                waiting.append(pool.submit(_encode, samples, begin, sound))
                if len(waiting) > threads:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        finally:
            for one in waiting:
                one.cancel()


def _segments(sound: Samples) -> Iterator[tuple[int, array[int]]]:
    """Each segment's first packet, and the samples its encoder hears."""
    step = _PACKET * sound.channels
    held: array[int] = array("h")
    begin, wanted = 0, (_SEGMENT + _RUN_OUT) * step
    for part in sound.parts:
        held += part
        # One more than wanted: the last segment is the one that the end of the sound is in.
        while len(held) > wanted:
            yield begin, held[:wanted]
            begin += _SEGMENT
            del held[: (_SEGMENT - (_RUN_UP if begin == _SEGMENT else 0)) * step]
            wanted = (_RUN_UP + _SEGMENT + _RUN_OUT) * step
    yield begin, held


def _encode(samples: array[int], begin: int, sound: Samples) -> list[Packet[Any]]:
    """The packets from number `begin` on to the segment's end, or to the sound's."""
    import av  # noqa: PLC0415 - see probing.opened()

    encoder: AudioCodecContext = av.CodecContext.create("aac", "w")
    _set(encoder, sound)
    layout = encoder.layout.name
    cutter = av.AudioResampler(format="fltp", layout=layout, rate=sound.rate, frame_size=_PACKET)
    skipped = min(begin, _RUN_UP)
    last = (begin - skipped) * _PACKET * sound.channels + len(samples) == sound.count * sound.channels
    made: list[Packet[Any]] = []
    step = _FRAME * sound.channels
    for at in range(0, len(samples), step):
        data = samples[at : at + step].tobytes()
        frame = av.AudioFrame(format="s16", layout=layout, samples=len(data) // 2 // sound.channels)
        frame.sample_rate, frame.time_base, frame.pts = sound.rate, Fraction(1, sound.rate), at // sound.channels
        plane = frame.planes[0]
        plane.update(data.ljust(plane.buffer_size, b"\0"))
        for cut in cutter.resample(frame):
            made += encoder.encode(cut)
    if last:
        for cut in cutter.resample(None):
            made += encoder.encode(cut)
        made += encoder.encode(None)
    chosen = made[skipped:] if last else made[skipped : skipped + _SEGMENT]
    base = Fraction(1, sound.rate)
    for number, packet in enumerate(chosen, begin):
        packet.time_base = base
        packet.pts = packet.dts = (number - 1) * _PACKET
        packet.duration = min(_PACKET, sound.count - packet.pts)
    return chosen


def _set(encoder: AudioCodecContext, sound: Samples) -> None:
    encoder.sample_rate = sound.rate
    encoder.layout = "mono" if sound.channels == 1 else "stereo"
    encoder.format = "fltp"
    encoder.bit_rate = bit_rate(sound.channels)
    encoder.time_base = Fraction(1, sound.rate)
    encoder.options = {"aac_coder": CODER, "flags": "+bitexact"}
