"""Clips of real size, made once by ffmpeg with grain and kept in `bench/out/clips`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from longtake.media import ffmpeg

if TYPE_CHECKING:
    from collections.abc import Sequence

OUT = Path(__file__).parent / "out" / "clips"


@dataclass(frozen=True)
class Clips:
    """A kind of clip, and how many of it a measurement takes."""

    count: int
    size: str
    seconds: int
    rate: str = "3M"
    coder: Sequence[str] = ("libx264", "-preset", "fast", "-pix_fmt", "yuv420p", "-sc_threshold", "0")
    """H.264 with B-frames in one group of pictures."""
    sources: int = 12
    """Different clips; all others are copies of them."""


HEVC = (
    "libx265",
    "-preset",
    "ultrafast",
    "-pix_fmt",
    "yuv420p10le",
    "-tag:v",
    "hvc1",
    "-x265-params",
    "log-level=error",
)
"""HEVC Main10."""
SMALL = Clips(1, "64x36", 1, rate="100k", sources=1)
"""Of no real size, for what is about the number of shots."""


def sources(clips: Clips) -> list[Path]:
    """The different clips of a kind: 24 fps with grain, mono AAC at 44.1 kHz, a frame more than their seconds."""
    OUT.mkdir(parents=True, exist_ok=True)
    made = []
    for number in range(clips.sources):
        path = OUT / f"{clips.coder[0]}-{clips.size}-{clips.seconds}s-{clips.rate}-{number:02}.mp4"
        made.append(path)
        if path.exists():
            continue
        picture = f"testsrc2=s={clips.size}:r=24,hue=h={number * 30},noise=alls=8:allf=t:all_seed={number}"
        inputs = ["-f", "lavfi", "-i", picture]
        for one in (f"anoisesrc=a=0.1:c=pink:seed={number}:r=44100", f"sine={200 + 20 * number}:r=44100"):
            inputs += ["-f", "lavfi", "-i", one]
        frames = clips.seconds * 24 + 1
        coded = ["-c:v", *clips.coder, "-b:v", clips.rate, "-maxrate", clips.rate, "-bufsize", "2M", "-g", "250"]
        coded += ["-frames:v", str(frames), "-c:a", "aac", "-b:a", "96k"]
        part = path.with_suffix(".part")
        words = ["-filter_complex", "[1][2]amix,aformat=channel_layouts=mono[a]", "-map", "0:v", "-map", "[a]"]
        ffmpeg.run(
            [*inputs, *words, "-t", f"{frames / 24:.6f}", *coded, "-f", "mp4", ffmpeg.file_url(part)], timeout=600
        )
        part.rename(path)
    return made


def last_frame(clip: Path) -> Path:
    """The last frame of a clip as PNG, as a provider sends it."""
    path = clip.with_suffix(".png")
    if not path.exists():
        part = path.with_suffix(".part.png")
        ffmpeg.run(["-sseof", "-1", "-i", ffmpeg.file_url(clip), "-update", "1", ffmpeg.file_url(part)], timeout=60)
        part.rename(path)
    return path


def numbered(clip: bytes, number: int) -> bytes:
    """Another file with the same picture: an MP4 may end in a box that nothing reads."""
    return clip + b"\0\0\0\x0cfree" + number.to_bytes(4, "big")
