"""Clips by ffmpeg: a landscape of the prompt's own, beginning and ending in given pictures, with or without sound."""

from __future__ import annotations

import asyncio
import functools
import random
import subprocess
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from longtake.emulator import scenery
from longtake.media import ffmpeg
from longtake.media.streams.sniff import sniff

_TIMEOUT = 600
_FONTS = ("DejaVuSans.ttf", "NotoSans-Regular.ttf", "LiberationSans-Regular.ttf", "Arial.ttf", "Helvetica.ttc")
_FONT_FOLDERS = (
    "/usr/share/fonts",
    "/usr/local/share/fonts",
    "/Library/Fonts",
    "/System/Library/Fonts",
    "C:/Windows/Fonts",
)
# Exact rounding: without it each link of a chain comes out a shade darker than the one before.
_SCALE = "flags=bicubic+accurate_rnd+full_chroma_int:out_color_matrix=bt709:out_range=tv"
SPOILED = {"": "", "black": "drawbox=color=black:t=fill,", "tint": "hue=h=40,"}
"""The filters of clips that were paid for and are useless, or do not begin as their given frame looks."""
_CHORDS = ((110.0, 164.81, 220.0), (98.0, 146.83, 246.94), (130.81, 196.0, 329.63), (87.31, 130.81, 220.0))


@dataclass(frozen=True, kw_only=True)
class RenderOrder:
    """One clip to make.

    `digest` decides everything the other fields leave open; equal orders give equal bytes. `frames` of them are shown at
    `rate` a second. `first` and `last` are local pictures the clip begins and ends in.
    """

    prompt: str
    digest: str
    width: int
    height: int
    frames: int
    rate: int
    audio: bool
    speed: str
    first: Path | None = None
    last: Path | None = None
    spoiled: str = ""
    """How the picture is spoiled: a key of `SPOILED`."""

    @property
    def seconds(self) -> float:
        """The length of the picture."""
        return self.frames / self.rate


@dataclass(frozen=True)
class RenderedClip:
    """The files of a finished clip: an MP4 and its true last frame as PNG."""

    clip: Path
    last_frame: Path


async def render(order: RenderOrder, folder: Path) -> RenderedClip:
    """Make the clip in an empty folder of its own.

    Raises:
        FfmpegError: ffmpeg is missing or failed, for one because a given picture does not decode.
        MediaError: the type of a given picture is not known.
    """
    args = await asyncio.to_thread(_arguments, order, folder)
    clip, last = folder / "0.mp4", folder / "0.png"
    await ffmpeg.arun([*args, ffmpeg.file_url(clip)], timeout=_TIMEOUT)
    await ffmpeg.arun(_last_frame_arguments(order, clip, last), timeout=_TIMEOUT)
    await asyncio.to_thread(_tidy, folder)
    return RenderedClip(clip, last)


def _tidy(folder: Path) -> None:
    for left in (*folder.glob("*.rgba"), *folder.glob("caption.txt")):
        left.unlink()


def _last_frame_arguments(order: RenderOrder, clip: Path, into: Path) -> list[str]:
    """The clip's last frame by ffmpeg alone, because tests check `longtake.media` against it."""
    exact = "flags=accurate_rnd+full_chroma_int:in_color_matrix=bt709:in_range=tv:out_range=pc"
    pick = f"select=eq(n\\,{order.frames - 1}),scale={exact},format=rgb24"
    coded = ["-f", "mov", "-i", ffmpeg.file_url(clip), "-vf", pick, "-frames:v", "1"]
    return [
        *coded,
        "-flags:v",
        "+bitexact",
        "-fflags",
        "+bitexact",
        "-f",
        "image2",
        "-c:v",
        "png",
        ffmpeg.file_url(into),
    ]


def _arguments(order: RenderOrder, folder: Path) -> list[str]:
    """Paint the layers into `folder` and say what ffmpeg does with them."""
    inputs: list[str] = []
    graph = _landscape(order, folder, inputs)
    count = inputs.count("-i")
    picture = "scene"
    if order.first is not None:
        # Hold it briefly, then fade: the fade takes the middle of the clip.
        hold, change = 0.15, order.seconds * 0.5
        inputs += _still(order.first)
        graph += [_moving_still(order, count, "first"), _fade("first", picture, "begun", start=hold, seconds=change)]
        picture, count = "begun", count + 1
    if order.last is not None:
        change = order.seconds * 0.4
        start = (order.frames - 1) / order.rate - change
        inputs += _still(order.last)
        graph += [
            _moving_still(order, count, "last", zoom=False),
            _fade(picture, "last", "ended", start=start, seconds=change),
        ]
        picture, count = "ended", count + 1
    shown = SPOILED[order.spoiled]
    graph.append(f"[{picture}]{shown}format=yuv420p,setsar=1[picture]")
    chosen = ["-map", "[picture]"]
    if order.audio:
        graph.append(_sound(order))
        chosen += ["-map", "[sound]", "-c:a", "aac", "-b:a", "96k", "-ac", "1", "-flags:a", "+bitexact"]
    # Two encoder threads whatever the machine, and no dates or versions inside: equal orders, equal bytes.
    return [
        *inputs, "-filter_complex", ";".join(graph), *chosen,
        "-c:v", "libx264", "-preset", order.speed, "-crf", "20", "-threads", "2", "-g", "250", "-r", str(order.rate),
        "-frames:v", str(order.frames), "-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709",
        "-color_range", "tv", "-flags:v", "+bitexact", "-fflags", "+bitexact", "-map_metadata", "-1",
        "-movflags", "+faststart", "-f", "mp4",
    ]  # fmt: skip


def _landscape(order: RenderOrder, folder: Path, inputs: list[str]) -> list[str]:
    layers = scenery.paint(
        order.prompt, digest=order.digest, width=order.width, height=order.height, seconds=order.seconds
    )
    graph = []
    for index, layer in enumerate(layers):
        file = folder / f"{index:02}.rgba"
        file.write_bytes(layer.pixels)
        inputs += [
            "-f", "rawvideo", "-pix_fmt", "rgba", "-video_size", f"{layer.width}x{layer.height}", "-framerate",
            str(order.rate), "-i", ffmpeg.file_url(file),
        ]  # fmt: skip
        upright = "transpose," if layer.turned else ""
        shape = f"{upright}scale={layer.shown[0]}:{layer.shown[1]}:{_SCALE}"
        if index == 0:
            graph.append(f"[0]{shape},format=yuv444p,{_repeated(order)}[b0]")
        else:
            # Full chroma while things move: at half chroma a slow layer wobbles by a pixel.
            graph.append(f"[{index}]{shape},format=yuva444p[l{index}]")
            graph.append(f"[b{index - 1}][l{index}]overlay=x='{layer.x}':y='{layer.y}':format=yuv444[b{index}]")
    graph.append(f"[b{len(layers) - 1}]{_caption(order, folder)}{_clocked(order)}[scene]")
    return graph


def _repeated(order: RenderOrder) -> str:
    return f"loop=loop=-1:size=1,trim=end_frame={order.frames},{_clocked(order)}"


def _clocked(order: RenderOrder) -> str:
    return f"settb=1/{order.rate},setpts=N,fps={order.rate}"


def _still(picture: Path) -> list[str]:
    # The demuxer is named after a look at the first bytes, so that no picture is read as a list of other files.
    return ["-f", sniff(picture).demuxer, "-protocol_whitelist", "file,pipe", "-i", ffmpeg.file_url(picture)]


def _moving_still(order: RenderOrder, index: int, name: str, *, zoom: bool = True) -> str:
    width, height = order.width, order.height
    if not zoom:
        cover = f"scale={width}:{height}:force_original_aspect_ratio=increase:{_SCALE},crop={width}:{height}"
        return f"[{index}]{cover},setsar=1,format=yuv444p,{_repeated(order)}[{name}]"
    # Twice the size, so that the slow zoom moves in half pixels.
    cover = (
        f"scale={2 * width}:{2 * height}:force_original_aspect_ratio=increase:{_SCALE},crop={2 * width}:{2 * height}"
    )
    zoomed = f"zoompan=z='1+0.0011*on':x='(iw-iw/zoom)/2':y='(ih-ih/zoom)/2':d={order.frames}:s={width}x{height}:fps={order.rate}"
    return f"[{index}]trim=end_frame=1,{cover},setsar=1,format=yuv444p,{zoomed},{_clocked(order)}[{name}]"


def _fade(one: str, other: str, into: str, *, start: float, seconds: float) -> str:
    return f"[{one}][{other}]xfade=transition=fade:offset={start:.4f}:duration={seconds:.4f}[{into}]"


def _caption(order: RenderOrder, folder: Path) -> str:
    """The filter that draws the prompt's first words in the lower left corner; empty without a font."""
    font, words = _font(), _words(order.prompt)
    if font is None or not words or not _draws_text(ffmpeg.binary()):
        return ""
    # By file and without expansion: a prompt can hold any character.
    file = folder / "caption.txt"
    file.write_text(words, encoding="utf-8")
    # A picture given as the first frame may carry a caption of its own; ours waits until it is gone.
    alpha = f"alpha='clip((t-{order.seconds * 0.45:.3f})*2,0,1)':" if order.first is not None else ""
    size, margin = max(12, round(min(order.width, order.height) * 0.034)), round(order.height * 0.055)
    shadow = max(1, size // 14)
    return (
        f"drawtext=fontfile={_quoted(font)}:textfile={_quoted(str(file))}:expansion=none:{alpha}fontsize={size}:"
        f"fontcolor=white@0.86:shadowcolor=black@0.45:shadowx={shadow}:shadowy={shadow}:x={margin}:y=h-{margin}-th,"
    )


def _quoted(path: str) -> str:
    """A path inside a filter's option: escaped once for the option and once for the graph."""
    once = "".join(f"\\{char}" if char in "\\':" else char for char in path)
    return "".join(f"\\{char}" if char in "\\'[],;" else char for char in once)


def _words(prompt: str) -> str:
    """Shorten a prompt to what fits on the picture, in letters that common fonts have, cut at a word."""
    plain = "".join(
        char if char.isprintable() and (char == " " or unicodedata.name(char, "").startswith(("LATIN", "GREEK", "CYRILLIC"))
                                        or char.isascii()) else " "
        for char in prompt[:400]
    )  # fmt: skip
    words = plain.split()
    line = ""
    for word in words:
        if len(line) + len(word) > 44:
            return f"{line.rstrip(' ,.;:-')}…" if line else word[:44]
        line = f"{line} {word}".strip()
    return line


@functools.cache
def _font() -> str | None:
    for folder in _FONT_FOLDERS:
        for name in _FONTS:
            found = next(Path(folder).rglob(name), None) if Path(folder).is_dir() else None
            if found is not None:
                return str(found)
    return None


@functools.cache
def _draws_text(program: str) -> bool:
    said = subprocess.run(
        [program, "-hide_banner", "-h", "filter=drawtext"], capture_output=True, timeout=30, check=False
    )
    return b"textfile" in said.stdout


def _sound(order: RenderOrder) -> str:
    """A soft chord that swells, over a breath of wind; mono, as long as the picture."""
    dice = random.Random(f"sound:{order.digest}")  # noqa: S311 - sounds that come out the same
    chord = dice.choice(_CHORDS)
    voices = "+".join(
        f"{0.09 / (n + 1):.3f}*sin({tone:.2f}*2*PI*t)*(0.65+0.35*sin({dice.uniform(0.12, 0.4):.3f}*2*PI*t+{n}))"
        for n, tone in enumerate(chord)
    )
    length = f"{order.seconds:.6f}"
    return (
        f"aevalsrc='{voices}':s=44100:d={length}:c=mono[chord];"
        f"anoisesrc=c=brown:r=44100:a=0.05:d={length}:seed={dice.randrange(2**31)}[wind];"
        f"[chord][wind]amix=inputs=2:normalize=0,afade=t=in:d=0.06,afade=t=out:st={order.seconds - 0.08:.4f}:d=0.08,"
        "aformat=sample_fmts=fltp:channel_layouts=mono[sound]"
    )
