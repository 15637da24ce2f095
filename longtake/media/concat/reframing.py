"""A film in another frame: cropped around a point, or padded, at another size, with burned-in captions. Sound is copied."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from longtake.errors import FfmpegError, MediaError
from longtake.media import ffmpeg
from longtake.media.concat import drawing, graphs
from longtake.media.files import replacing
from longtake.media.streams import colors
from longtake.media.streams.facts import Color
from longtake.media.streams.probing import look
from longtake.media.streams.sniff import sniff

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from longtake.media.concat.captions import Cue
    from longtake.media.streams.facts import Probe

_Fit = Literal["crop", "pad"]
_MOST_SIDE = 8192
_MIN_TIMESCALE = 10_000
_BT709 = Color(matrix=1, primaries=1, transfer=1, range=1)
"""What a film of high dynamic range becomes where its picture is encoded again."""
_CODING: dict[str, Any] = {
    "c:v": "libx264",
    "preset": "medium",
    "crf": 17,
    "threads": 4,
    "bsf:v": "filter_units=remove_types=6",
}
"""What an encoder makes depends on its number of threads, so that is not left to the machine."""


@dataclass(frozen=True, slots=True)
class Focus:
    """What a crop keeps in view from film frame `first` on: a point as shares of width and height, 0 to 1.

    Over `eased` frames before it settles, the point moves there from the one before: the frames of a transition.
    """

    first: int
    x: float = 0.5
    y: float = 0.5
    eased: int = 0


@dataclass(frozen=True, slots=True)
class Reframed:
    """A film in another frame; `encoded` is False where the picture did not change and nothing was encoded."""

    width: int
    height: int
    frames: int
    encoded: bool


def reframe(
    film: Path,
    into: Path,
    *,
    size: str | None = None,
    fit: _Fit = "crop",
    focus: Sequence[Focus] = (),
    burned: Sequence[Cue] = (),
    on_progress: Callable[[float], None] | None = None,
) -> Reframed:
    """Write a film in another frame. It has the same frames at the same times; sound, chapters and captions are copied.

    Args:
        film: the joined film. HDR is tone-mapped to SDR where the picture changes.
        into: the MP4 to write; it appears whole, by a rename.
        size: a ratio (`9:16`, of as many of the film's pixels as fit) or pixels (`1080x1920`); None as the film.
        fit: whether the picture is cropped to the new ratio or gets black bars.
        focus: what a crop keeps in view, in the order of frames; the middle without.
        burned: captions to draw into the picture. The film's own text track is left out then.
        on_progress: called with 0 to 1.

    Raises:
        MediaError: the film is not a video, or the size cannot be made.
        PreflightError: no font has the characters of the captions.
        FfmpegError: ffmpeg is missing, lacks libass for captions or filters for HDR, or failed.
    """
    facts = look(film).probe
    if facts.kind != "video":
        raise MediaError(f"{film.name}: expected a film, got {facts.format.upper()}")
    width, height = size_of(facts, size, fit)
    same = (width, height, Fraction(1)) == facts.shown
    with replacing(into) as unfinished, tempfile.TemporaryDirectory(prefix=".reframe-", dir=into.parent) as name:
        if same and not burned:
            unfinished.write_bytes(film.read_bytes())
            return Reframed(width, height, facts.frames, encoded=False)
        if facts.color.hdr:
            ffmpeg.require(filters=colors.TONE_MAPPERS)
        if burned:
            drawing.check(cue.text for cue in burned)
            Path(name, drawing.SCRIPT).write_text(
                drawing.script(burned, (width, height)), encoding="utf-8", newline="\n"
            )
        command = _command(film, unfinished, facts, (width, height), fit=fit, focus=focus, burned=bool(burned))
        seconds = float(facts.seconds)
        ffmpeg.run(command, cwd=Path(name), timeout=600 + 5.0 * facts.frames, seconds=seconds, on_progress=on_progress)
        made = look(unfinished).probe
        if (made.frames, made.width, made.height) != (facts.frames, width, height):
            raise FfmpegError(f"ffmpeg made {made.frames} frames of {made.width}x{made.height}, not {facts.frames}")
    return Reframed(width, height, facts.frames, encoded=True)


def size_of(facts: Probe, size: str | None, fit: _Fit) -> tuple[int, int]:
    """The pixels of a film in another frame.

    Raises:
        MediaError: the size is neither a ratio nor pixels, or no video has it.
    """
    own, high, sar = facts.shown
    wide = round(own * sar / 2) * 2
    if size is None:
        return (own, high) if sar == 1 else (wide, high)
    for mark in (":", "x"):
        one, found, two = size.partition(mark)
        if found and one.isdecimal() and two.isdecimal() and 0 < int(one) <= _MOST_SIDE and 0 < int(two) <= _MOST_SIDE:
            break
    else:
        raise MediaError(
            f"{size[:40]!r} is no size", next_step="give a ratio such as 9:16, or pixels such as 1080x1920"
        )
    if mark == "x":
        width, height = int(one), int(two)
    else:
        ratio = Fraction(int(one), int(two))
        wider = ratio > Fraction(wide, high)
        by_width = wider == (fit == "crop")
        width, height = (wide, round(wide / ratio)) if by_width else (round(high * ratio), high)
        width, height = width & ~1, height & ~1
    if width % 2 or height % 2 or not 16 <= min(width, height) <= max(width, height) <= _MOST_SIDE:
        raise MediaError(
            f"{width}x{height} is no size that a video can have", next_step="give even sides from 16 to 8192"
        )
    return width, height


def _command(
    film: Path,
    into: Path,
    facts: Probe,
    size: tuple[int, int],
    *,
    fit: _Fit,
    focus: Sequence[Focus],
    burned: bool,
) -> list[str]:
    import ffmpeg as graph  # noqa: PLC0415 - see ffmpeg.source()

    source = ffmpeg.source(film, sniff(film).demuxer)
    own, high, sar = facts.shown
    wide, (width, height) = round(own * sar / 2) * 2, size
    ratio = Fraction(width, height)
    video = source["v:0"]
    color = facts.color
    if color.hdr:
        for filter_name, mapped in colors.mapping(facts, _BT709):
            video = video.filter(filter_name, **mapped)
        color = _BT709
    if sar != 1:
        video = video.filter("scale", wide, high, flags="lanczos").filter("setsar", "1")
    if fit == "crop":
        across = min(wide, round(high * ratio)) & ~1
        down = min(high, round(wide / ratio)) & ~1
        if (across, down) != (wide, high):
            points = focus or (Focus(0),)
            x = _along([(one.first, one.eased, one.x) for one in points], wide, across)
            y = _along([(one.first, one.eased, one.y) for one in points], high, down)
            video = video.filter("crop", across, down, x, y)
        inner = width, height
    else:
        across, down = (
            min(width, round(height * Fraction(wide, high))),
            min(height, round(width * Fraction(high, wide))),
        )
        inner = min(round(across / 2) * 2, width), min(round(down / 2) * 2, height)
    video = video.filter("scale", *inner, flags="lanczos+accurate_rnd+full_chroma_int")
    if inner != size:
        video = video.filter("pad", width, height, "(ow-iw)/2", "(oh-ih)/2")
    video = video.filter("setsar", "1")
    if burned:
        video = video.filter("subtitles", drawing.SCRIPT)
    video = video.filter(
        "setparams",
        range=color.range,
        color_primaries=color.primaries,
        color_trc=color.transfer,
        colorspace=color.matrix,
    ).filter("format", "yuv420p")
    timescale = graphs.target(facts).fps.numerator
    while timescale < _MIN_TIMESCALE:
        timescale *= 10
    options: dict[str, Any] = {
        "f": "mp4",
        **_CODING,
        "c:a": "copy",
        "c:s": "copy",
        "fps_mode": "passthrough",
        "flags:v": "+bitexact",
        "fflags": "+bitexact",
        "map_metadata": 0,
        "map_chapters": 0,
        "movflags": "+faststart",
        "video_track_timescale": timescale,
    }
    streams = [video, *([source["a:0"]] if facts.audio is not None else []), *([] if burned else [source["s?"]])]
    return ffmpeg.arguments(graph.output(*streams, ffmpeg.file_url(into), **options))


def _along(points: Sequence[tuple[int, int, float]], whole: int, part: int) -> str:
    """Where a crop begins at each frame, as an expression of ffmpeg: a tree, because a film has thousands of shots.

    Args:
        points: for each shot the frame from which on it is in view, the frames before that in which the crop moves there, and
            the point as a share of the picture.
        whole: pixels of the picture.
        part: pixels of the crop.
    """
    pieces: list[tuple[int, str]] = []
    was: int | None = None
    for first, eased, share in points:
        at = round(min(max(share * whole - part / 2, 0), whole - part) / 2) * 2
        if was is not None and eased and at != was:
            begin = first - eased
            pieces.append((begin, f"{was}+(n-{begin})*{(at - was) / eased:.6f}"))
        pieces.append((first, str(at)))
        was = at
    merged = [piece for number, piece in enumerate(pieces) if not number or piece[1] != pieces[number - 1][1]]

    def tree(low: int, end: int) -> str:
        if end - low == 1:
            return merged[low][1]
        middle = (low + end) // 2
        return f"if(lt(n,{merged[middle][0]}),{tree(low, middle)},{tree(middle, end)})"

    return tree(0, len(merged))
