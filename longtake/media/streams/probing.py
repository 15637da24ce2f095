"""Probe media files with PyAV: exact frame counts, codec parameters, sound."""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longtake.errors import MediaError
from longtake.media.ffmpeg import file_url
from longtake.media.safety.atoms import MAX_STREAMS, rotation
from longtake.media.streams.facts import Audio, Color, JoinProbe, Probe
from longtake.media.streams.index import Index
from longtake.media.streams.sniff import MAX_PIXELS, Sniffed, check_size, name_of, reading, size_of, sniff

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.video.stream import VideoStream

    from longtake.media.streams.sniff import MediaSource

_MAX_FRAMES = 2_000_000  # a day at 24 fps
_MAX_SECONDS = 7 * 24 * 3600
_STANDARD_RATES = (24, Fraction(24000, 1001), 25, 30, Fraction(30000, 1001), 50, 60, Fraction(60000, 1001))


def probe(source: MediaSource) -> Probe:
    """Probe a file by its content alone.

    Raises:
        MediaError: it cannot be read, is of no known type, is broken or truncated, or is larger than any film or image of
            ours may be (`sniff.MAX_SIDE` pixels a side, two million frames, a week).
    """
    return look(source).probe


def look(source: MediaSource, *, most: int = _MAX_FRAMES, seen: dict[object, Probe] | None = None) -> JoinProbe:
    """`probe`, with what it learned of the order of the frames; raises the same, and for more than `most` frames.

    What only decoding tells is taken from a file in `seen` that says of itself exactly the same, parameter sets and all; others
    are put there. Decoding a frame is nearly all that looking costs.
    """
    found, name = sniff(source), name_of(source)
    size = size_of(source)
    key = None
    if seen is not None and found.kind == "video":
        with opened(source, found, known=True) as container:
            key = _says(container)
            if key in seen:
                return _counted(source, found, container, size, most, like=seen[key])
    with opened(source, found) as container:
        sound = _sound(container)
        if not container.streams.video or (found.kind == "audio" and sound):
            if sound is None:
                raise MediaError(f"{name} holds neither a picture nor a sound")
            return JoinProbe(Probe("audio", found.format, size, seconds=sound.seconds, audio=sound))
        video = container.streams.video[0]
        check_size(name, video.width, video.height)
        extradata = bytes(video.codec_context.extradata or b"")
        if found.kind == "image":
            frames = _decode_one(name, container)
            return JoinProbe(_picture(name, found, video, size, frames=frames, sound=None, fps=None), None, extradata)
        made = _counted(source, found, container, size, most)
        if seen is not None and key is not None:
            seen[key] = made.probe
        return made


def _counted(
    source: MediaSource, found: Sniffed, container: InputContainer, size: int, most: int, *, like: Probe | None = None
) -> JoinProbe:
    """Probe a video; `like` is the probe of one with the same coding."""
    name = name_of(source)
    video = container.streams.video[0]
    check_size(name, video.width, video.height)
    times, keys, hidden, first = _times(name, container, video, most)
    fps = _rate(video, sorted(times))
    facts = _picture(name, found, video, size, frames=len(times), sound=_sound(container), fps=fps)
    if found.demuxer == "mov":
        with reading(source) as file:
            facts = replace(facts, rotation=rotation(file))
    if like is not None:
        audio = facts.audio
        if audio is not None and like.audio is not None:
            audio = replace(audio, rate=like.audio.rate, channels=like.audio.channels)
        facts = replace(facts, pix_fmt=like.pix_fmt, profile=like.profile, sar=like.sar, color=like.color, audio=audio)
    ticks = float(1 / (fps * video.time_base)) if fps and video.time_base else 0.0
    extradata = bytes(video.codec_context.extradata or b"")
    return JoinProbe(facts, Index.build(times, keys, ticks=ticks, whole=hidden == 0), extradata, first)


def _says(container: InputContainer) -> object:
    """How a file says that it is coded; None when it does not say it all before its first frame."""
    if not container.streams.video or not container.streams.video[0].codec_context.extradata:
        return None
    video = container.streams.video[0]
    context = video.codec_context
    colors = context.colorspace, context.color_primaries, context.color_trc, context.color_range
    heard: tuple[object, ...] = ()
    if container.streams.audio and container.streams.audio[0].codec_context is not None:
        own = container.streams.audio[0].codec_context
        heard = own.name, own.sample_rate, own.channels, bytes(own.extradata or b"")
    size = context.width, context.height, video.sample_aspect_ratio
    return context.name, bytes(context.extradata or b""), size, tuple(map(int, colors)), heard


@contextlib.contextmanager
def opened(source: MediaSource, found: Sniffed | None = None, *, known: bool = False) -> Iterator[InputContainer]:
    """Open a file with the demuxer its content asks for; whatever libav raises inside becomes a MediaError.

    Nothing else is opened for it, and no frame larger than `MAX_PIXELS` is decoded whatever its codec says.

    `known` says that the file has been looked at before: libav then decodes nothing to learn more about it, which is most
    of the cost of opening a clip.
    """
    import av  # noqa: PLC0415 - a tenth of a second that planning does not have

    found, name = found or sniff(source), name_of(source)
    options = {"protocol_whitelist": "file", "max_pixels": str(MAX_PIXELS)}
    if known:
        options |= {"skip_frame": "all", "probesize": "32"}
    where = file_url(source) if isinstance(source, Path) else source
    if not isinstance(source, Path):
        source.seek(0)
    # PyAV 18 decodes all texts of a file when it opens it, and raises UnicodeDecodeError by default. 19 takes any bytes
    # and has no such argument.
    lenient: dict[str, Any] = {"metadata_errors": "replace"} if int(av.__version__.partition(".")[0]) < 19 else {}
    try:
        with av.open(where, "r", format=found.demuxer, options=options, **lenient) as container:
            if len(container.streams) > MAX_STREAMS:
                raise MediaError(f"{name} holds {len(container.streams)} streams; at most {MAX_STREAMS} are read")
            for stream in container.streams.video[:1]:
                if stream.codec_context is None:
                    raise MediaError(f"{name} holds a {stream.type} track in an unknown codec")
                stream.codec_context.options = {**stream.codec_context.options, "max_pixels": str(MAX_PIXELS)}
            yield container
    except (av.FFmpegError, MemoryError) as error:
        what = getattr(error, "strerror", None) or type(error).__name__
        raise MediaError(f"{name} is a broken {found.format.upper()} file: {what}") from error


def _times(
    name: str, container: InputContainer, video: VideoStream, most: int
) -> tuple[list[int], frozenset[int], int, bytes]:
    """Presentation times (ticks) and key positions of the frames that are shown, in stored order; how many are not; the first."""
    times: list[int] = []
    first = b""
    keys: set[int] = set()
    hidden = 0
    for packet in container.demux(video):
        if packet.size == 0:
            continue
        if packet.is_corrupt:
            raise MediaError(f"{name} is truncated after {len(times)} frames")
        if packet.is_discard:
            hidden += 1
            continue
        if packet.pts is None:
            raise MediaError(f"{name} has a frame without a time")
        if packet.is_keyframe:
            keys.add(len(times))
        first = first if times else bytes(packet)
        times.append(packet.pts)
        if len(times) + hidden > most:
            raise MediaError(f"{name} has more than {most} frames")
    if not times:
        raise MediaError(f"{name} has no frames")
    if not hidden and len(times) < video.frames:
        raise MediaError(f"{name} is truncated: {len(times)} of {video.frames} frames")
    return times, frozenset(keys), hidden, first


def _rate(video: VideoStream, times: list[int]) -> Fraction | None:
    """The rate the frames are spaced at: from their times, snapped to a usual one where it rounds to it."""
    base = video.time_base
    if base is None or len(times) < 2 or times[-1] == times[0]:
        return Fraction(video.average_rate) if video.average_rate else None
    measured = Fraction(len(times) - 1) / ((times[-1] - times[0]) * base)
    for usual in (*_STANDARD_RATES, Fraction(video.average_rate or measured)):
        if abs(float(measured / usual) - 1) < 2e-4:
            return Fraction(usual)
    return measured.limit_denominator(1001)


def color_of(context: Any) -> Color:  # noqa: ANN401 - a VideoCodecContext
    """The colors that a decoder found."""
    return Color(
        int(context.colorspace), int(context.color_primaries), int(context.color_trc), int(context.color_range)
    )


def _decode_one(name: str, container: InputContainer) -> int:
    for _ in container.decode(video=0):
        return 1
    raise MediaError(f"{name} holds no picture that can be decoded")


def _sound(container: InputContainer) -> Audio | None:
    if not container.streams.audio:
        return None
    stream: AudioStream = container.streams.audio[0]
    context = stream.codec_context
    if context is None:
        # A clip's picture is worth keeping; `examine` says that its sound cannot be decoded.
        return Audio("unknown", 0, 1, 0.0)
    seconds = 0.0
    if stream.duration and stream.time_base:
        seconds = float(stream.duration * stream.time_base)
    elif container.duration:
        seconds = container.duration / 1_000_000
    if not 0 <= seconds < _MAX_SECONDS:
        raise MediaError(f"a sound track of {seconds:.0f} s is longer than any film")
    return Audio(context.name, context.sample_rate, context.channels, seconds)


def _picture(
    name: str,
    found: Sniffed,
    video: VideoStream,
    size: int,
    *,
    frames: int,
    sound: Audio | None,
    fps: Fraction | None,
) -> Probe:
    context = video.codec_context
    if found.kind == "video" and fps is None:
        raise MediaError(f"{name} does not say how fast its frames are shown")
    return Probe(
        kind=found.kind,
        format=found.format,
        bytes=size,
        width=context.width,
        height=context.height,
        frames=frames,
        fps=fps,
        seconds=float(frames / fps) if fps else 0.0,
        codec=context.name,
        profile=context.profile or "",
        pix_fmt=context.pix_fmt or "",
        extradata_sha256=hashlib.sha256(context.extradata or b"").hexdigest(),
        sar=Fraction(context.sample_aspect_ratio or 1),
        color=color_of(context),
        audio=sound,
    )
