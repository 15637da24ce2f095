"""Writing the film: coded frames of many files behind one another in one MP4, with sound and chapters.

Times are not taken over from the clips but counted in frames of the film, so that neither rounding nor different clocks
add up, and frames with another reordering than their neighbours' stay in order.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Self

from longtake.errors import FfmpegError, MediaError
from longtake.media.ffmpeg import file_url
from longtake.media.pcm import RATE
from longtake.media.probing import opened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from av import Packet
    from av.audio.stream import AudioStream
    from av.container import OutputContainer
    from av.video.stream import VideoStream

    from longtake.media.index import Index
    from longtake.media.model import Chapter

__all__ = ["Stretch", "mux"]

_TITLE_BYTES = 255
"""Bytes a chapter title may have in an MP4."""
_MIN_TIMESCALE = 10_000


@dataclass(frozen=True, slots=True)
class Stretch:
    """`count` stored frames of a file from stored position `first` on, which must be a place to begin at."""

    path: Path
    index: Index
    first: int
    count: int


def mux(
    stretches: Sequence[Stretch],
    into: Path,
    *,
    template: Path,
    extradata: bytes | None,
    fps: Fraction,
    sound: Path | None,
    chapters: Sequence[Chapter],
    progress: Callable[[float], None],
) -> None:
    """Write the film to `into`: index before media, nothing in it that differs between two equal runs.

    Args:
        stretches: the picture, in order.
        into: the file to write.
        template: the file whose picture track describes the film's.
        extradata: the codec configuration, when it is not the template's.
        fps: frames a second.
        sound: an M4A file of `pcm.RATE` samples a second, or None.
        chapters: titles may be any text.
        progress: called with 0 to 1; what it raises ends the work.

    Raises:
        MediaError: a file is not what it was when it was looked at, or cannot be read.
    """
    import av  # noqa: PLC0415 - see probing.opened()

    ticks, timescale = fps.denominator, fps.numerator
    while timescale < _MIN_TIMESCALE:
        ticks, timescale = ticks * 10, timescale * 10
    frame = float(1 / fps)
    delay = max(_delay(stretch) for stretch in stretches)
    options = {"movflags": "+faststart", "fflags": "+bitexact", "video_track_timescale": str(timescale)}
    try:
        # opaque: the stream needs no encoder, nothing is encoded here.
        with av.open(file_url(into), "w", format="mp4", options=options) as film:
            with opened(template) as model:
                video = film.add_stream_from_template(model.streams.video[0], opaque=True)
            video.time_base = Fraction(1, timescale)
            video.metadata.clear()
            if video.codec_context.name == "hevc":
                # Parameter sets in the sample entry only: what Apple's players ask for.
                video.codec_context.codec_tag = "hvc1"
            if extradata is not None:
                video.codec_context.extradata = extradata
            film.set_chapters([_chapter(i, chapter) for i, chapter in enumerate(chapters)])
            with _Sound(sound, film) as heard:
                at = 0
                for number, stretch in enumerate(stretches):
                    for k, packet in enumerate(_packets(stretch)):
                        packet.stream = video
                        packet.time_base = Fraction(1, timescale)
                        packet.pts = (at + stretch.index.ranks[stretch.first + k] - stretch.first) * ticks
                        packet.dts = (at + k - delay) * ticks
                        packet.duration = ticks
                        heard.until((at + k) * frame)
                        film.mux_one(packet)
                    at += stretch.count
                    progress((number + 1) / len(stretches))
                heard.until(None)
    except av.FFmpegError as error:
        raise FfmpegError(f"the film cannot be written: {error.strerror}") from error


class _Sound:
    """The packets of the sound track, given out as the picture goes on, so that little has to be held back."""

    def __init__(self, path: Path | None, film: OutputContainer) -> None:
        self._film = film
        self._stack = contextlib.ExitStack()
        self._packets: Iterator[Packet[AudioStream]] = iter(())
        self._next: Packet[AudioStream] | None = None
        if path is None:
            return
        source = self._stack.enter_context(opened(path))
        track = source.streams.audio[0]
        self._stream = film.add_stream_from_template(track)
        self._stream.metadata.clear()
        self._packets = (packet for packet in source.demux(track) if packet.size)
        self._next = next(self._packets, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def until(self, seconds: float | None) -> None:
        """Write what is heard up to that time of the film; None: the rest."""
        while self._next is not None and (seconds is None or (self._next.pts or 0) <= seconds * RATE):
            self._next.stream = self._stream
            self._film.mux_one(self._next)
            self._next = next(self._packets, None)


def _delay(stretch: Stretch) -> int:
    ranks = stretch.index.ranks[stretch.first : stretch.first + stretch.count]
    return max(k - (rank - stretch.first) for k, rank in enumerate(ranks))


def _packets(stretch: Stretch) -> Iterator[Packet[VideoStream]]:
    position, end = 0, stretch.first + stretch.count
    with opened(stretch.path, known=True) as container:
        for packet in container.demux(container.streams.video[0]):
            if packet.size == 0 or packet.is_discard:
                continue
            if position >= stretch.first:
                yield packet
            position += 1
            if position == end:
                return
    raise MediaError(f"{stretch.path.name} has become shorter: {position} of {end} frames are there")


def _chapter(number: int, chapter: Chapter) -> Any:  # noqa: ANN401 - PyAV's own dictionary
    clean = "".join(" " if not letter.isprintable() else letter for letter in chapter.title).strip()
    title = clean.encode("utf-8", "replace")[:_TITLE_BYTES].decode("utf-8", "ignore")
    base = Fraction(1, 1000)
    begin, end = (round(seconds * 1000) for seconds in (chapter.start, chapter.end))
    return {"id": number, "start": begin, "end": end, "time_base": base, "metadata": {"title": title}}
