"""The sound of one clip as samples from its first picture on. Damaged parts become silence."""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    import av

_GAP = Fraction(1, 100)
"""Seconds between two frames from which what is between them is silence; times in files are rounded by less."""
_PADDING = 2 * 1024 / 48_000
"""Seconds that an encoder may add to fill its last packet."""
BATCH = 32
"""Frames resampled at once."""
_FADES = 200
"""Fades take one second divided by this: 5 ms. Without them, two waves that do not meet would click."""


@dataclass(frozen=True, slots=True)
class DecodedSound:
    """`samples` are interleaved, 16 bits each. `lost` holds start and end, in seconds, of what damage made silent."""

    samples: array[int]
    lost: tuple[tuple[float, float], ...]


def decode(container: av.container.InputContainer, *, channels: int, rate: int, most: int) -> DecodedSound:
    """Decode up to `most` samples (of each channel) of the sound of a clip that has a picture and a sound.

    Args:
        container: the clip, opened.
        channels: 1 or 2.
        rate: samples a second wanted.
        most: more are not decoded.
    """
    video, audio = container.streams.video[0], container.streams.audio[0]
    picture = (video.start_time or 0) * (video.time_base or Fraction(0))
    end = most
    if audio.duration is not None and audio.time_base is not None:
        end = max(round((((audio.start_time or 0) + audio.duration) * audio.time_base - picture) * rate), 0)
    track = _Track(channels, rate, most)
    for frame in _frames(container):
        if frame is None:
            track.damage()
        elif not track.follow(frame):
            start = frame.pts * frame.time_base - picture if frame.pts is not None and frame.time_base else None
            track.add(frame, start)
        if track.full:
            break
    return track.finish(min(end, most), padding=round(_PADDING * rate))


def soften(samples: array[int], channels: int, rate: int, *, head: bool) -> None:
    """Fade the start in, or the end out, along a raised cosine: a curve with a bend at silence is heard as a tick in deep sound."""
    steps = min(rate // _FADES, len(samples) // channels)
    last = len(samples) - 1
    for step in range(steps):
        share = 0.5 - 0.5 * math.cos(step / steps * math.pi)
        for channel in range(channels):
            at = step * channels + channel
            at = at if head else last - at
            samples[at] = round(samples[at] * share)


def _frames(container: av.container.InputContainer) -> Iterator[Any]:
    """The decoded frames of the sound; None for each packet that cannot be decoded."""
    import av  # noqa: PLC0415 - see probing.opened()

    # PyAV raises ValueError and OverflowError where a damaged header leads to absurd formats.
    errors = (av.FFmpegError, ValueError, OverflowError, MemoryError)
    if container.streams.audio[0].codec_context is None:
        yield None  # of an unknown codec
        return
    packets = container.demux(container.streams.audio[0])
    while True:
        try:
            packet = next(packets, None)
        except errors:
            yield None
            return
        if packet is None:
            return
        try:
            frames: list[Any] = [] if packet.is_corrupt else [*packet.decode()]
        except errors:
            frames = [None]
        yield from (
            (None if frame is None or frame.is_corrupt else frame) for frame in frames or [None] * packet.is_corrupt
        )


def _form(frame: Any) -> tuple[str, str, int]:  # noqa: ANN401 - an AudioFrame
    return frame.format.name, frame.layout.name, frame.sample_rate


class _Track:
    """Samples in their places: stretches of sound, and silence between them."""

    def __init__(self, channels: int, rate: int, most: int) -> None:
        self._channels, self._rate, self._most = channels, rate, most * channels
        self._samples: array[int] = array("h")
        self._stretch: array[int] = array("h")
        self._early = 0
        self._resampler: Any = None
        self._form: tuple[str, str, int] = ("", "", 0)
        self._expected: Fraction | None = None
        self._next: int | None = None
        self._last: int | None = None
        self._held: list[Any] = []
        self._waiting = 0
        self._damaged = self._fade_in = False
        self._lost: list[tuple[float, float]] = []

    @property
    def full(self) -> bool:
        held = self._waiting * self._rate // self._form[2] * self._channels if self._held else 0
        return len(self._samples) + len(self._stretch) + held - self._early >= self._most

    def damage(self) -> None:
        self._damaged = True

    def follow(self, frame: Any) -> bool:  # noqa: ANN401 - an AudioFrame
        """Take a frame that begins exactly where the one before ended, as nearly all do: no fractions are made for it."""
        if frame.pts is None or frame.pts != self._next or not frame.samples or _form(frame) != self._form:
            return False
        self._next = frame.pts + frame.samples
        self._hold(frame)
        return True

    def add(self, frame: Any, start: Fraction | None) -> None:  # noqa: ANN401 - an AudioFrame
        """Take a frame that begins `start` seconds after the first picture (None: where the one before ended)."""
        if not frame.samples or not frame.sample_rate:
            return
        if self._expected is not None and self._next is not None and self._last is not None:
            self._expected += Fraction(self._next - self._last, self._form[2])
        start = start if start is not None else self._expected or Fraction(0)
        form = _form(frame)
        if self._expected is None or form != self._form or start - self._expected > _GAP:
            self._begin(start, form)
        self._hold(frame)
        self._expected = start + Fraction(frame.samples, frame.sample_rate)
        exact = frame.pts is not None and frame.time_base == Fraction(1, frame.sample_rate)
        self._next = self._last = frame.pts + frame.samples if exact else None

    def finish(self, end: int, *, padding: int) -> DecodedSound:
        """The samples, less what only fills the last packet: less than `padding` samples after the `end` that the file names."""
        self._close()
        over = len(self._samples) - end * self._channels
        if 0 < over < padding * self._channels:
            del self._samples[len(self._samples) - over :]
        if self._damaged:
            soften(self._samples, self._channels, self._rate, head=False)
            self._lose(end)
        return DecodedSound(self._samples, tuple(self._lost))

    def _begin(self, start: Fraction, form: tuple[str, str, int]) -> None:
        import av  # noqa: PLC0415 - see probing.opened()

        self._close()
        place = max(min(round(start * self._rate), self._most // self._channels), -self._most)
        silence = place * self._channels - len(self._samples)
        # A fade only where there is something to fade from: the first sound of a clip begins as it is.
        fades = bool(self._samples) and silence > 0
        if fades:
            soften(self._samples, self._channels, self._rate, head=False)
        if self._damaged:
            self._lose(place)
        self._samples.frombytes(bytes(2 * max(silence, 0)))
        self._early = -place * self._channels if place < 0 and not self._samples else 0
        layout = "mono" if self._channels == 1 else "stereo"
        self._resampler = av.AudioResampler(format="s16", layout=layout, rate=self._rate)
        self._form, self._fade_in, self._damaged = form, fades or self._damaged, False

    def _close(self) -> None:
        """End the stretch under way."""
        if self._resampler is not None:
            self._flush()
            self._resample(None)
            del self._stretch[: self._early]
            if self._fade_in:
                soften(self._stretch, self._channels, self._rate, head=True)
            self._samples += self._stretch
        self._stretch, self._early, self._resampler = array("h"), 0, None

    def _hold(self, frame: Any) -> None:  # noqa: ANN401
        self._held.append(frame)
        self._waiting += frame.samples
        if len(self._held) == BATCH:
            self._flush()

    def _flush(self) -> None:
        """Resample the frames that are held as one: a call for each costs more than the resampling."""
        import av  # noqa: PLC0415 - see probing.opened()

        held, self._held, count, self._waiting = self._held, [], self._waiting, 0
        if len(held) < 2:
            for frame in held:
                self._resample(frame)
            return
        first = held[0]
        whole = av.AudioFrame(format=first.format.name, layout=first.layout.name, samples=count)
        whole.sample_rate, whole.time_base, whole.pts = first.sample_rate, first.time_base, first.pts
        size = first.format.bytes * (1 if first.format.is_planar else len(first.layout.channels))
        for number, plane in enumerate(whole.planes):
            data = b"".join(bytes(frame.planes[number])[: frame.samples * size] for frame in held)
            plane.update(data.ljust(plane.buffer_size, b"\0"))
        self._resample(whole)

    def _resample(self, frame: Any) -> None:  # noqa: ANN401
        import av  # noqa: PLC0415 - see probing.opened()

        try:
            for part in self._resampler.resample(frame):
                # A plane is padded beyond its samples.
                self._stretch.frombytes(bytes(part.planes[0])[: part.samples * self._channels * 2])
        except (av.FFmpegError, ValueError):
            self._damaged = True

    def _lose(self, end: int) -> None:
        """Note that damage made everything from here to sample `end` silent."""
        here = len(self._samples) / self._channels / self._rate
        self._lost.append((round(here, 3), round(max(end / self._rate, here), 3)))
