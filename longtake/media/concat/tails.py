"""The tail of a clip: its last frames without the very last, which a joint between two shots that share a frame has to encode.

It is a handful of frames at every such joint, so it is done in the process and decodes only what they lean on; a run of ffmpeg
would decode the whole clip. A clip's tail is the same in every film that copies the clip, so ingest makes it from the frames
it decodes anyway (`wanted`, `write`), and a join copies it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from longtake.errors import FfmpegError
from longtake.media.concat import graphs
from longtake.media.ffmpeg import file_url
from longtake.media.files import replacing
from longtake.media.streams.probing import opened

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from av import VideoFrame

    from longtake.media.concat.graphs import Target
    from longtake.media.streams.facts import JoinProbe

CODEC = "h264"
"""The codec whose tails are encoded in this process. PyAV's x265 gives a header that its MP4 writer refuses in some of many runs
("not yet implemented", seen with PyAV 18.1 on 10-bit clips), so H.265 is encoded by the ffmpeg binary, when a film is joined."""
_MOST_FRAMES = 24
"""Of a stored tail: its frames are in memory while a clip is ingested."""


def wanted(seen: JoinProbe) -> range:
    """The shown frames of a clip that are its tail; none where it needs none, or where a join cannot copy the clip anyway."""
    facts, index = seen.probe, seen.index
    if index is None or not index.regular or facts.codec != CODEC or not graphs.encodable(facts):
        return range(0)
    end = facts.frames - 1
    first = index.cut(end)
    return range(first, end) if first and end - first <= _MOST_FRAMES else range(0)


def write(frames: Sequence[VideoFrame], seen: JoinProbe, into: Path) -> None:
    """Write a clip's tail, given its decoded frames, to the MP4 `into`.

    Raises:
        FfmpegError: the frames cannot be encoded.
    """
    target = graphs.target(seen.probe)
    with replacing(into) as part:
        _encode(frames, target, graphs.encoder(target), part, name="a clip")


def encode(path: Path, frames: range, target: Target, options: dict[str, Any], into: Path) -> None:
    """Encode these shown frames of a clip that looks like the target; the first of them is a safe cut of its index.

    Args:
        path: the clip.
        frames: which, counted from 0.
        target: what it looks like.
        options: of the encoder, as ffmpeg takes them: `c:v`, `threads`, `bsf:v` and its own.
        into: the MP4 to write.

    Raises:
        MediaError: the clip cannot be decoded.
        FfmpegError: the frames cannot be encoded.
    """
    _encode(_decode(path, frames), target, options, into, name=path.name)


def _encode(frames: Sequence[VideoFrame], target: Target, options: dict[str, Any], into: Path, *, name: str) -> None:
    import av  # noqa: PLC0415 - see probing.opened()

    own = {name: str(value) for name, value in options.items() if name not in ("c:v", "bsf:v", "tag:v", "threads")}
    try:
        with av.open(file_url(into), "w", format="mp4", options={"fflags": "+bitexact"}) as file:
            stream: Any = file.add_stream(options["c:v"], rate=target.fps, options={**own, "flags": "+bitexact"})
            context = stream.codec_context
            context.width, context.height, context.pix_fmt = target.width, target.height, target.pix_fmt
            context.sample_aspect_ratio = target.sar
            context.time_base = 1 / target.fps
            context.thread_count = options.get("threads", 0)
            color = target.color
            context.color_range, context.colorspace = color.range, color.matrix
            context.color_primaries, context.color_trc = color.primaries, color.transfer
            if "tag:v" in options:
                context.codec_tag = options["tag:v"]
            clean: Any = None
            for number, frame in enumerate([*frames, None]):
                if frame is not None:
                    frame.pts, frame.time_base = number, 1 / target.fps
                    # Reset, so that the encoder chooses the type.
                    frame.pict_type = av.video.frame.PictureType.NONE
                packets = stream.encode(frame)
                clean = clean or av.bitstream.BitStreamFilterContext(options["bsf:v"], stream)
                for packet in packets:
                    file.mux(clean.filter(packet))
    except (av.FFmpegError, av.codec.codec.UnknownCodecError) as error:
        what = getattr(error, "strerror", None) or f"PyAV has no encoder {options['c:v']}"
        raise FfmpegError(f"the end of {name} cannot be encoded: {what}") from error


def _decode(path: Path, frames: range) -> list[VideoFrame]:
    """The frames, in order; before them only those are decoded that others lean on."""
    wanted: set[int] = set()
    found: dict[int, VideoFrame] = {}
    with opened(path, known=True) as container:
        stream = container.streams.video[0]
        context: Any = stream.codec_context
        context.skip_frame = "NONREF"
        position = 0
        for packet in container.demux(stream):
            if packet.size and packet.is_discard:
                continue
            if packet.size:
                if position == frames.start:
                    context.skip_frame = "DEFAULT"
                if position >= frames.start and packet.pts is not None:
                    wanted.add(packet.pts)
                position += 1
            for frame in packet.decode():
                if frame.pts in wanted:
                    found[frame.pts] = frame
    if len(found) < len(frames):
        raise FfmpegError(f"{path.name} is truncated: {len(found)} of its last {len(frames)} frames")
    return [found[time] for time in sorted(found)][: len(frames)]
