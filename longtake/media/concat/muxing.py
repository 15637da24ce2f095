"""Writing the film: coded frames of many files behind one another in one MP4, with sound and chapters.

Times are not taken over from the clips but counted in frames of the film, so that neither rounding nor different clocks
add up, and frames with another reordering than their neighbors' stay in order.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Self

from longtake.errors import FfmpegError, MediaError
from longtake.media.audio import aac
from longtake.media.concat import captions, hevc
from longtake.media.concat.tracks import rewritten
from longtake.media.ffmpeg import file_url
from longtake.media.streams.probing import opened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from av import Packet
    from av.audio.stream import AudioStream
    from av.container import OutputContainer
    from av.video.stream import VideoStream

    from longtake.media.audio.aac import Samples
    from longtake.media.concat.captions import Cue
    from longtake.media.concat.model import Chapter
    from longtake.media.streams.index import Index

_TITLE_BYTES = 255
"""Bytes a chapter title may have in an MP4; other texts get as many."""
_MIN_TIMESCALE = 10_000


@dataclass(frozen=True, slots=True)
class Stretch:
    """`count` stored frames of a file from stored position `first` on, which must be a place to begin at.

    `number` is the set number they get in the film (0: as they are), see `longtake.media.concat.tracks`.
    """

    path: Path
    index: Index
    first: int
    count: int
    number: int = 0


@dataclass(frozen=True, slots=True)
class Labels:
    """The texts of a film. Title and comment may be empty and, like the chapters' titles, any text.

    `text_track` is a file with a text track that describes the film's, when there are captions.
    """

    title: str
    comment: str
    chapters: Sequence[Chapter]
    captions: Sequence[Cue] = ()
    text_track: Path | None = None


def mux(
    stretches: Sequence[Stretch],
    into: Path,
    *,
    template: Path,
    extradata: bytes | None,
    fps: Fraction,
    sound: Path | Samples | None,
    labels: Labels,
    progress: Callable[[float], None],
) -> None:
    """Write the film to `into`: index before media, nothing in it that differs between two equal runs.

    Args:
        stretches: the picture, in order.
        into: the file to write.
        template: the file whose picture track describes the film's.
        extradata: the codec configuration, when it is not the template's.
        fps: frames a second.
        sound: an M4A file, or samples, which are encoded as the picture goes on; or None.
        labels: its texts.
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
    # Chapters count in this scale. Set it: FFmpeg 8 takes milliseconds, in which a chapter can start a frame early, and FFmpeg 9
    # takes the largest scale of the tracks.
    options["movie_timescale"] = str(timescale)
    try:
        # opaque: the stream needs no encoder, nothing is encoded here.
        with av.open(file_url(into), "w", format="mp4", options=options) as film:
            with opened(template) as model:
                video = film.add_stream_from_template(model.streams.video[0], opaque=True)
            video.time_base = Fraction(1, timescale)
            video.metadata.clear()
            codec = video.codec_context.name
            if extradata is not None:
                video.codec_context.extradata = extradata
            if codec == "hevc" and hevc.parse(bytes(video.codec_context.extradata or b"")):
                # Parameter sets are in the sample entry: what Apple's players ask for.
                video.codec_context.codec_tag = "hvc1"
            film.set_chapters([_chapter(i, chapter, timescale) for i, chapter in enumerate(labels.chapters)])
            film.metadata.update(_metadata(labels))
            with _Sound(sound, film) as heard:
                texts = _Texts(labels, film)
                at = 0
                for number, stretch in enumerate(stretches):
                    for k, packet in enumerate(_packets(stretch, codec, joint=number > 0)):
                        packet.stream = video
                        packet.time_base = Fraction(1, timescale)
                        packet.pts = (at + stretch.index.ranks[stretch.first + k] - stretch.first) * ticks
                        packet.dts = (at + k - delay) * ticks
                        packet.duration = ticks
                        heard.until((at + k) * frame)
                        texts.until((at + k) * frame)
                        film.mux_one(packet)
                    at += stretch.count
                    progress((number + 1) / len(stretches))
                heard.until(None)
                texts.until(None)
    except av.FFmpegError as error:
        raise FfmpegError(f"the film cannot be written: {error.strerror}") from error


class _Sound:
    """The packets of the sound track, written in step with the picture to keep few in memory."""

    def __init__(self, sound: Path | Samples | None, film: OutputContainer) -> None:
        self._film = film
        self._stack = contextlib.ExitStack()
        self._packets: Iterator[Packet[AudioStream]] = iter(())
        self._next: Packet[AudioStream] | None = None
        self._begun = False
        if isinstance(sound, aac.Samples):
            self._stream = aac.add_stream(film, sound)
            self._packets = self._stack.enter_context(contextlib.closing(aac.packets(sound)))
            self._rate = sound.rate
        elif sound is not None:
            source = self._stack.enter_context(opened(sound))
            track = source.streams.audio[0]
            self._stream = film.add_stream_from_template(track)
            self._stream.metadata.clear()
            self._rate = track.rate
            self._packets = (packet for packet in source.demux(track) if packet.size)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def until(self, seconds: float | None) -> None:
        """Write the sound up to that time of the film; None: the rest."""
        if not self._begun:
            self._begun, self._next = True, next(self._packets, None)
        while self._next is not None and (seconds is None or (self._next.pts or 0) <= seconds * self._rate):
            self._next.stream = self._stream
            self._film.mux_one(self._next)
            self._next = next(self._packets, None)


class _Texts:
    """The samples of the text track, likewise."""

    def __init__(self, labels: Labels, film: OutputContainer) -> None:
        self._film = film
        self._left: list[tuple[int, int, bytes]] = []
        if labels.captions and labels.text_track:
            self._left = captions.samples(labels.captions)
            with opened(labels.text_track) as model:
                self._stream = film.add_stream_from_template(model.streams.subtitles[0], opaque=True)
            self._stream.time_base = Fraction(1, 1000)
            self._stream.metadata.clear()

    def until(self, seconds: float | None) -> None:
        """Write the captions that begin up to that time of the film; None: the rest."""
        from av import Packet  # noqa: PLC0415 - see probing.opened()

        while self._left and (seconds is None or self._left[0][0] <= seconds * 1000):
            start, length, data = self._left.pop(0)
            packet = Packet(data)
            packet.stream = self._stream
            packet.time_base = Fraction(1, 1000)
            packet.pts = packet.dts = start
            packet.duration = length
            packet.is_keyframe = True
            self._film.mux_one(packet)


def _delay(stretch: Stretch) -> int:
    ranks = stretch.index.ranks[stretch.first : stretch.first + stretch.count]
    return max(k - (rank - stretch.first) for k, rank in enumerate(ranks))


def _packets(stretch: Stretch, codec: str, *, joint: bool) -> Iterator[Packet[VideoStream]]:
    from av import Packet  # noqa: PLC0415 - see probing.opened()

    position, end = 0, stretch.first + stretch.count
    with opened(stretch.path, known=True) as container:
        for packet in container.demux(container.streams.video[0]):
            if packet.size == 0 or packet.is_discard:
                continue
            if position >= stretch.first:
                begins = joint and position == stretch.first
                if stretch.number or begins:
                    changed: Packet[Any] = Packet(rewritten(bytes(packet), codec, number=stretch.number, joint=begins))
                    changed.is_keyframe = packet.is_keyframe
                    yield changed
                else:
                    yield packet
            position += 1
            if position == end:
                return
    raise MediaError(f"{stretch.path.name} is truncated: {position} of {end} frames")


def _metadata(labels: Labels) -> dict[str, str]:
    texts = {"title": labels.title, "comment": labels.comment}
    return {name: _clean(text) for name, text in texts.items() if _clean(text)}


def _chapter(number: int, chapter: Chapter, timescale: int) -> Any:  # noqa: ANN401 - PyAV's own dictionary
    title = _clean(chapter.title)
    base = Fraction(1, timescale)
    begin, end = (round(seconds * timescale) for seconds in (chapter.start, chapter.end))
    return {"id": number, "start": begin, "end": end, "time_base": base, "metadata": {"title": title}}


def _clean(text: str) -> str:
    shown = "".join(" " if not letter.isprintable() else letter for letter in text).strip()
    return shown.encode("utf-8", "replace")[:_TITLE_BYTES].decode("utf-8", "ignore")
