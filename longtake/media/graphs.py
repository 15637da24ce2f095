"""The ffmpeg command lines of a join, built with ffmpeg-python: each reads one or two clips, never the whole film."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from longtake.media import ffmpeg
from longtake.media.sniff import sniff

if TYPE_CHECKING:
    from fractions import Fraction
    from pathlib import Path

    from longtake.media.probing import Color, Probe

__all__ = ["Clip", "Target", "blend", "encode", "poster", "still"]

_MATRICES = {1: "bt709", 4: "fcc", 5: "bt601", 6: "bt601", 7: "smpte240m", 9: "bt2020", 10: "bt2020"}
_HD_HEIGHT = 720
_BITEXACT: dict[str, Any] = {"fflags": "+bitexact", "map_metadata": -1, "map_chapters": -1}


@dataclass(frozen=True, slots=True)
class Clip:
    """A file and what is known of it."""

    path: Path
    facts: Probe


@dataclass(frozen=True, slots=True)
class Target:
    """What encoded pieces have to agree with: the clips that are copied. `set_id` is the id of our parameter sets."""

    width: int
    height: int
    fps: Fraction
    color: Color
    set_id: int


def encode(clip: Clip, frames: range, target: Target, into: Path) -> list[str]:
    """Encode frames of one clip, at the target's size, rate and colour."""
    return _x264(_frames(clip, frames, target), len(frames), target, into)


def blend(left: Clip, frames: range, right: Clip, target: Target, into: Path) -> list[str]:
    """Encode the crossfade from `frames`, the last of one clip, into as many first frames of the next."""
    before = _frames(left, frames, target)
    after = _frames(right, range(len(frames)), target)
    seconds = f"{float(len(frames) / target.fps):.6f}"
    import ffmpeg as graph  # noqa: PLC0415 - see ffmpeg.source()

    faded = graph.filter([before, after], "xfade", transition="fade", duration=seconds, offset=0).filter(
        "format", "yuv420p"
    )
    return _x264(faded, len(frames), target, into)


def still(clip: Clip, into: Path) -> list[str]:
    """The last frame of a video as an RGB PNG of the video's own size."""
    last = (
        _video(clip.path)
        .filter("trim", start_frame=clip.facts.frames - 1, end_frame=clip.facts.frames)
        .filter("setpts", "PTS-STARTPTS")
        .filter("scale", **_scale(clip.facts), out_range="pc")
        .filter("format", "rgb24")
    )
    return ffmpeg.arguments(_image(last, into, "png"))


def poster(film: Clip, at: float, into: Path, *, jpeg: bool) -> list[str]:
    """The frame shown at `at` seconds, as JPEG or PNG."""
    facts = film.facts
    # Half a frame early: seeking takes the first frame at or after the time, and times in files are rounded.
    frame = min(int(at * float(facts.fps or 1) + 1e-6), facts.frames - 1)
    early = max((frame - 0.5) / float(facts.fps or 1), 0.0)
    shown = _video(film.path, ss=f"{early:.6f}")
    if jpeg:
        # JFIF knows one matrix (BT.601) and the full range only.
        shown = shown.filter("scale", **_scale(facts), out_color_matrix="bt601", out_range="pc").filter(
            "format", "yuvj420p"
        )
        return ffmpeg.arguments(_image(shown, into, "mjpeg", **{"q:v": 3}))
    shown = shown.filter("scale", **_scale(facts), out_range="pc").filter("format", "rgb24")
    return ffmpeg.arguments(_image(shown, into, "png"))


def _video(path: Path, **options: Any) -> Any:  # noqa: ANN401 - ffmpeg-python has no types
    # Without autorotation a frame has the size the probe says.
    return ffmpeg.source(path, sniff(path).demuxer, noautorotate=None, **options).video


def _frames(clip: Clip, frames: range, target: Target) -> Any:  # noqa: ANN401
    """Exactly these frames of a clip, evenly spaced from zero, looking like the target."""
    facts, video = clip.facts, _video(clip.path)
    if facts.fps != target.fps:
        video = video.filter("fps", fps=str(target.fps)).filter("tpad", stop_mode="clone", stop_duration=2)
    video = video.filter("trim", start_frame=frames.start, end_frame=frames.stop)
    if (facts.width, facts.height) == (target.width, target.height):
        shape: dict[str, Any] = {}
    else:
        shape = {"w": target.width, "h": target.height, "force_original_aspect_ratio": "decrease"}
    video = video.filter(
        "scale",
        **shape,
        **_scale(facts),
        out_color_matrix=_matrix(target.color.matrix, target.height),
        out_range=_range(target.color),
    )
    if shape:
        video = video.filter("pad", target.width, target.height, "(ow-iw)/2", "(oh-ih)/2")
    color = target.color
    return (
        video.filter("setsar", 1)
        .filter(
            "setparams",
            range=color.range,
            color_primaries=color.primaries,
            color_trc=color.transfer,
            colorspace=color.matrix,
        )
        .filter("settb", f"1/{target.fps.numerator}")
        .filter("setpts", f"N*{target.fps.denominator}")
        .filter("fps", fps=str(target.fps))
        .filter("format", "yuv420p")
    )


def _x264(video: Any, count: int, target: Target, into: Path) -> list[str]:  # noqa: ANN401
    options: dict[str, Any] = {
        "f": "mp4",
        "c:v": "libx264",
        "profile:v": "high",
        "preset": "fast",
        "crf": 16,  # near invisible: the frames beside it are the provider's own
        "x264-params": f"sps-id={target.set_id}",
        "threads": 4,  # x264's output depends on it, so not on the machine
        "frames:v": count,
        "bsf:v": "filter_units=remove_types=6",  # messages that name the encoder's version
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


def _scale(facts: Probe) -> dict[str, Any]:
    """How to read a clip's colours, said outright: ffmpeg takes BT.601 for every clip that does not say."""
    return {
        "flags": "lanczos+accurate_rnd+full_chroma_int",
        "in_color_matrix": _matrix(facts.color.matrix, facts.height),
        "in_range": _range(facts.color),
    }


def _matrix(code: int, height: int) -> str:
    """The matrix as ffmpeg names it; a clip that does not say is read as players do: BT.709 from 720 lines on."""
    return _MATRICES.get(code) or ("bt709" if height >= _HD_HEIGHT else "bt601")


def _range(color: Color) -> str:
    return "pc" if color.range == 2 else "tv"
