"""Single frames out of a clip or a film, exact to the frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longtake.errors import MediaError
from longtake.media import ffmpeg
from longtake.media.concat import graphs
from longtake.media.files import replacing
from longtake.media.image.stills import png
from longtake.media.safety.atoms import rotation
from longtake.media.streams.colors import reading
from longtake.media.streams.facts import Probe
from longtake.media.streams.probing import color_of, opened, probe
from longtake.media.streams.sniff import sniff

if TYPE_CHECKING:
    from pathlib import Path

    from av.container import InputContainer
    from av.video.frame import VideoFrame

    from longtake.media.measure.grading import ColorCorrection

_TIMEOUT = 300.0
_END = 0.02
"""Seconds before the end of a film from which a poster is taken at the latest: behind the last frame there is none."""


def last_frame(clip: Path, into: Path) -> None:
    """Write the last frame that `clip` shows to `into`: PNG, RGB, of the video's own size.

    Colors follow the clip's matrix and range; a clip that names none is read as players do it (BT.709 from 720 lines on).
    Only what the frame depends on is decoded: from the last key frame on.

    Raises:
        MediaError: `clip` is not a video, or its last frame cannot be decoded.
    """
    _write(clip, into, last=True)


def first_frame(clip: Path, into: Path) -> None:
    """Write the first frame that `clip` shows to `into`, as `last_frame` does; raises the same."""
    _write(clip, into, last=False)


def end_frame(clip: Path, facts: Probe, *, last: bool) -> VideoFrame:
    """The last or the first frame that a clip shows, decoded.

    Args:
        clip: a video.
        facts: its probe.
        last: which one.

    Raises:
        MediaError: it cannot be decoded.
    """
    with opened(clip) as container:
        frame = _last(container) if last else next(container.decode(video=0), None)
    if frame is None or frame.is_corrupt or (frame.width, frame.height) != (facts.width, facts.height):
        raise MediaError(f"{clip.name}: its {'last' if last else 'first'} frame cannot be decoded")
    return frame


def poster(film: Path, into: Path, at: float) -> None:
    """Write the key frame that `film` shows at or before `at` seconds to `into`; HDR is tone-mapped.

    A PNG when `into` ends with `.png`, else a JPEG.

    Raises:
        MediaError: `film` is not a video or the frame cannot be decoded.
        FfmpegError: ffmpeg is missing or failed.
    """
    found = sniff(film)
    with opened(film, found) as container, film.open("rb") as file:
        if found.kind != "video":
            raise MediaError(f"{film.name}: expected a video, got {found.format.upper()}")
        context = container.streams.video[0].codec_context
        at = max(min(at, (container.duration or 0) / 1_000_000 - _END), 0.0)
        facts = Probe(
            *(found.kind, found.format, 0, context.width, context.height),
            color=color_of(context),
            rotation=rotation(file) if found.demuxer == "mov" else 0,
        )
    with replacing(into) as part:
        jpeg = into.suffix.lower() != ".png"
        ffmpeg.run(graphs.poster(graphs.GraphClip(film, facts), at, part, jpeg=jpeg), timeout=_TIMEOUT)
        _check_written(part, film)


def correct_image(image: Path, step: ColorCorrection, into: Path) -> None:
    """Write `image` to `into` as a PNG, corrected as a clip would be: for the frame that the next shot begins with.

    Raises:
        MediaError: `image` is not a still picture or cannot be decoded.
    """
    facts = probe(image)
    if facts.kind != "image":
        raise MediaError(f"{image.name}: expected a picture, got {facts.format.upper()}")
    deep = [
        ("scale", "flags=accurate_rnd+full_chroma_int:out_color_matrix=bt709:out_range=pc"),
        ("format", "yuv444p16le"),  # so that the way there and back rounds nothing
        *(
            (name, ":".join(f"{key}='{value}'" for key, value in options.items()))
            for name, options in step.filters(full=True)
        ),
    ]
    frame = end_frame(image, facts, last=False)
    picture = png(frame, {"in_color_matrix": "bt709", "in_range": "pc"}, *deep)
    with replacing(into) as part:
        part.write_bytes(picture)


def _last(container: InputContainer) -> VideoFrame | None:
    """The frame with the latest time: looked for from the last key frame on, then in the whole clip."""
    video = container.streams.video[0]
    video.thread_type = (
        "AUTO"  # a chain may wait for this frame; whether the clip is damaged is for `checks.decoded` to say
    )
    latest, shown_by = None, 0
    for packet in container.demux(video):
        if packet.size and packet.pts is not None and not packet.is_discard and (latest is None or packet.pts > latest):
            latest, shown_by = packet.pts, packet.dts if packet.dts is not None else packet.pts
    if latest is None:
        return None
    for start in (shown_by, 0):
        # To a key frame at or before the packet, by decoding time; an edit list may make libav land elsewhere, so what
        # comes out is compared with what the packets promised.
        container.seek(min(start, latest), stream=video, any_frame=False, backward=True)
        found: VideoFrame | None = None
        for frame in container.decode(video):
            if found is None or (frame.pts is not None and found.pts is not None and frame.pts >= found.pts):
                found = frame
        if found is not None and found.pts == latest and not found.is_corrupt:
            return found
    return None


def _write(clip: Path, into: Path, *, last: bool) -> None:
    facts = _video(clip)
    picture = png(end_frame(clip, facts, last=last), reading(facts))
    with replacing(into) as part:
        part.write_bytes(picture)


def _video(path: Path) -> Probe:
    facts = probe(path)
    if facts.kind != "video":
        raise MediaError(f"{path.name}: expected a video, got {facts.format.upper()}")
    return facts


def _check_written(image: Path, source: Path) -> None:
    # ffmpeg ends with 0 when it could decode nothing.
    if not image.exists() or image.stat().st_size == 0:
        raise MediaError(f"{source.name}: the frame asked for cannot be decoded")
