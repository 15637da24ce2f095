"""The ffmpeg command lines of a join, built with ffmpeg-python: each reads one or two clips, never the whole film."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from longtake.media import ffmpeg
from longtake.media.concat import drawing
from longtake.media.streams import colors
from longtake.media.streams.facts import Color
from longtake.media.streams.sniff import sniff

if TYPE_CHECKING:
    from pathlib import Path

    from longtake.media.measure.grading import ColorCorrection
    from longtake.media.streams.facts import Probe

_CODECS, _PIXELS = ("h264", "hevc"), ("yuv420p", "yuv420p10le")
_UNTURNED: dict[int, tuple[tuple[str, dict[str, Any]], ...]] = {
    0: (),
    90: (("transpose", {"dir": "cclock"}),),
    180: (("hflip", {}), ("vflip", {})),
    270: (("transpose", {"dir": "clock"}),),
}
"""Filters from an upright picture to one that a player turns clockwise by this many degrees."""
_LONGEST_FADE = 60.0
"""Seconds: `xfade` takes no more."""
_FINE = 10_000
"""The largest term of a pixel's shape. `setsar` rounds 1280:1281, which ffmpeg's own scaling writes, to 1 by default."""
_BITEXACT: dict[str, Any] = {"fflags": "+bitexact", "map_metadata": -1, "map_chapters": -1}
# Closer to what it is made from than the slower presets are at their usual settings (51 dB against 47 for veryfast at crf 18),
# in less than half the time; the bytes it costs are few in a film that is mostly copied. What an encoder makes depends on its
# number of threads, so that is not left to the machine. The filters take out the messages that name its version.
_X264: dict[str, Any] = {
    "c:v": "libx264",
    "preset": "ultrafast",
    "crf": 18,
    "threads": 4,
    "bsf:v": "filter_units=remove_types=6",
}
_X265: dict[str, Any] = {
    "c:v": "libx265",
    "preset": "ultrafast",
    "crf": 16,
    "x265-params": "log-level=error:frame-threads=2:open-gop=0:info=0",
    "tag:v": "hvc1",
    "bsf:v": "filter_units=remove_types=39|40",
}


@dataclass(frozen=True, slots=True)
class GraphClip:
    """A file with its probe, and the color changes that encoding applies."""

    path: Path
    facts: Probe
    correction: ColorCorrection | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """What encoded pieces have to agree with: the clips that are copied."""

    width: int
    height: int
    fps: Fraction
    color: Color
    codec: str
    pix_fmt: str
    sar: Fraction = Fraction(1)
    rotation: int = 0
    """Degrees a player turns the film by; width and height are those before."""


@dataclass(frozen=True, slots=True)
class Joint:
    """A transition and the frames encoded with it: the older clip from frame `first` on, the newer from frame `start` on.

    `before` frames of the older as they are, `count` of both as `kind` (of xfade) says, `after` of the newer as they are.
    """

    kind: str
    first: int
    before: int
    count: int
    after: int
    start: int = 0


def encodable(facts: Probe) -> bool:
    """Whether pieces can be encoded in this form, to be joined with copied ones."""
    return facts.codec in _CODECS and facts.pix_fmt in _PIXELS


def target(facts: Probe) -> Target:
    """What encoded pieces have to agree with when clips of this form are copied."""
    fps = facts.fps or Fraction(24)
    size, form = (facts.width, facts.height), (facts.codec, facts.pix_fmt)
    return Target(*size, fps, facts.color, *form, sar=facts.sar, rotation=facts.rotation)


def encode(clip: GraphClip, frames: range, target: Target, into: Path, *, drawn: bool = False) -> list[str]:
    """Encode frames of one clip, at the target's size, rate and color; with the text of `drawing.SCRIPT` where it is `drawn`."""
    video = _frames(clip, frames, target)
    if drawn:
        # Text is drawn into the picture as it is shown, so a film that players turn is turned, and turned back.
        turned = [
            *_UNTURNED[-target.rotation % 360],
            ("subtitles", {"filename": drawing.SCRIPT}),
            *_UNTURNED[target.rotation],
        ]
        for name, options in turned:
            video = video.filter(name, **options)
        video = video.filter("format", target.pix_fmt)
    return _coded(video, len(frames), target, into)


def encoder(target: Target) -> dict[str, Any]:
    """The encoder's options."""
    return _X265 if target.codec == "hevc" else _X264


def blend(left: GraphClip, right: GraphClip, joint: Joint, target: Target, into: Path) -> list[str]:
    """Encode a transition with the frames next to it."""
    import ffmpeg as graph  # noqa: PLC0415 - see ffmpeg.source()

    parts = []
    old = _frames(left, range(joint.first, joint.first + joint.before + joint.count), target)
    # Both are read in step: ffmpeg needs the newer only from the joint on, and would hold its frames in memory until then. The
    # offset is given even when it is 0, because ffmpeg-python makes one node of two equal ones when a take follows itself.
    shown = range(joint.start, joint.start + joint.count + joint.after)
    new = _frames(right, shown, target, late=float(joint.first / target.fps))
    # xfade works on 4:4:4: what it need not touch does not go through it.
    if joint.before:
        halves = old.split()
        parts.append(_part(halves[0], 0, joint.before, target))
        old = _part(halves[1], joint.before, joint.before + joint.count, target)
    rest = None
    if joint.after:
        halves = new.split()
        new = _part(halves[0], 0, joint.count, target)
        rest = _part(halves[1], joint.count, joint.count + joint.after, target)
    seconds = f"{float(joint.count / target.fps):.6f}"
    faded = graph.filter([old, new], "xfade", transition=joint.kind, duration=seconds, offset=0)
    parts.append(faded.filter("format", target.pix_fmt))
    if rest is not None:
        parts.append(rest)
    whole = parts[0] if len(parts) == 1 else graph.filter(parts, "concat", n=len(parts), v=1, a=0)
    return _coded(_even(whole, target), joint.before + joint.count + joint.after, target, into)


def poster(film: GraphClip, at: float, into: Path, *, jpeg: bool) -> list[str]:
    """The key frame at or before `at` seconds, as JPEG or PNG: no other frame is decoded. HDR is tone-mapped."""
    shown, read = _video(film, ss=f"{at:.6f}", noaccurate_seek=None), colors.reading(film.facts)
    if film.facts.color.hdr:
        for name, options in colors.mapping(film.facts, Color()):
            shown = shown.filter(name, **options)
        read |= colors.MAPPED
    if jpeg:
        # JFIF knows one matrix (BT.601) and the full range only.
        shown = shown.filter("scale", flags=colors.EXACT, **read, out_color_matrix="bt601", out_range="pc").filter(
            "format", "yuvj420p"
        )
        return ffmpeg.arguments(_image(shown, into, "mjpeg", **{"q:v": 3}))
    shown = shown.filter("scale", flags=colors.EXACT, **read, out_range="pc").filter("format", "rgb24")
    return ffmpeg.arguments(_image(shown, into, "png"))


def _video(clip: GraphClip, rotation: int = 0, **options: Any) -> Any:  # noqa: ANN401 - ffmpeg-python has no types
    if clip.facts.rotation == rotation:
        options["noautorotate"] = None  # a mirrored picture keeps the size the probe says
    return ffmpeg.source(clip.path, sniff(clip.path).demuxer, **options).video


def _frames(clip: GraphClip, frames: range, target: Target, *, late: float | None = None) -> Any:  # noqa: ANN401
    """Exactly these frames of a clip, evenly spaced from zero, looking like the target; read as if `late` seconds later."""
    offset = {"itsoffset": f"{late:.6f}"} if late is not None else {}
    facts, video = clip.facts, _video(clip, target.rotation, **offset)
    if facts.fps != target.fps:
        video = video.filter("fps", fps=str(target.fps)).filter("tpad", stop_mode="clone", stop_duration=2)
    if clip.correction is not None:
        video = _corrected(video, clip, clip.correction, target)
    video = video.filter("trim", start_frame=frames.start, end_frame=frames.stop)
    read = colors.reading(facts)
    if facts.color.hdr != target.color.hdr:
        for name, options in colors.mapping(facts, target.color):
            video = video.filter(name, **options)
        read |= colors.MAPPED_HDR if target.color.hdr else colors.MAPPED
    for name, options in _UNTURNED[target.rotation] if facts.rotation != target.rotation else ():
        video = video.filter(name, **options)
    width, height = _fitted(facts, target)
    same = _turned(facts, target) == (target.width, target.height, target.sar)
    shape: dict[str, Any] = {} if same else {"w": width, "h": height}
    video = video.filter(
        "scale",
        **shape,
        **read,
        flags=colors.EXACT,
        out_color_matrix=colors.matrix(target.color, target.height),
        out_range=colors.range_of(target.color),
    )
    if (width, height) != (target.width, target.height):
        video = video.filter("pad", target.width, target.height, "(ow-iw)/2", "(oh-ih)/2")
    color = target.color
    video = video.filter("setsar", str(target.sar), max=_FINE).filter(
        "setparams",
        range=color.range,
        color_primaries=color.primaries,
        color_trc=color.transfer,
        colorspace=color.matrix,
    )
    return _even(video, target).filter("format", target.pix_fmt)


def _corrected(video: Any, clip: GraphClip, step: ColorCorrection, target: Target) -> Any:  # noqa: ANN401
    """A clip, with its colors changed; an eased step is a crossfade from the changed clip to the clip as it is."""
    import ffmpeg as graph  # noqa: PLC0415 - see ffmpeg.source()

    halves = _even(video, target).split() if step.eased else None
    changed = halves[0] if halves else video
    for name, options in step.filters(full=clip.facts.color.range == colors.FULL):
        changed = changed.filter(name, **options)
    if halves is None:
        return changed
    seconds = min(clip.facts.seconds, _LONGEST_FADE)
    faded = graph.filter([changed, halves[1]], "xfade", transition="fade", duration=f"{seconds:.6f}", offset=0)
    return faded.filter("format", clip.facts.pix_fmt)


def _fitted(facts: Probe, target: Target) -> tuple[int, int]:
    """The pixels of a clip in the film's frame: as large as fits, and in the shape that it is shown in alone."""
    width, height, sar = _turned(facts, target)
    wide = width * sar / target.sar
    scale = min(target.width / wide, Fraction(target.height, height))
    # Sides of an even number of pixels, but for those that fill the frame.
    fitted = (round(wide * scale / 2) * 2, round(height * scale / 2) * 2)
    full = (target.width, target.height)
    return tuple(max(min(side, most), 2) if most - side > 1 else most for side, most in zip(fitted, full, strict=True))  # type: ignore[return-value]


def _turned(facts: Probe, target: Target) -> tuple[int, int, Fraction]:
    """Width, height and pixel shape of a clip in the film's frame, before a player turns it."""
    if facts.rotation == target.rotation:
        return facts.width, facts.height, facts.sar
    width, height, sar = facts.shown
    return (height, width, 1 / sar) if target.rotation % 180 else (width, height, sar)


def _part(video: Any, first: int, end: int, target: Target) -> Any:  # noqa: ANN401
    return _even(video.filter("trim", start_frame=first, end_frame=end), target)


def _even(video: Any, target: Target) -> Any:  # noqa: ANN401
    """Frames evenly spaced from zero, whatever times they had."""
    return (
        video.filter("settb", f"1/{target.fps.numerator}")
        .filter("setpts", f"N*{target.fps.denominator}")
        .filter("fps", fps=str(target.fps))
    )


def _coded(video: Any, count: int, target: Target, into: Path) -> list[str]:  # noqa: ANN401
    options: dict[str, Any] = {
        "f": "mp4",
        **encoder(target),
        "frames:v": count,
        "flags:v": "+bitexact",
        "video_track_timescale": target.fps.numerator,
        **_BITEXACT,
    }
    import ffmpeg as graph  # noqa: PLC0415 - see ffmpeg.source()

    return ffmpeg.arguments(graph.output(video, ffmpeg.file_url(into), **options))


def _image(video: Any, into: Path, codec: str, **options: Any) -> Any:  # noqa: ANN401
    import ffmpeg as graph  # noqa: PLC0415 - see ffmpeg.source()

    fixed: dict[str, Any] = {
        "f": "image2",
        "c:v": codec,
        "update": 1,
        "frames:v": 1,
        "flags:v": "+bitexact",
        **_BITEXACT,
    }
    return graph.output(video, ffmpeg.file_url(into), **fixed, **options)
