"""What joining costs, beside `cat`, ffmpeg's concat demuxer, a full re-encode, one xfade chain and MoviePy.

Clips of 5 s, 1280×720, x264 with its usual groups of 250, AAC in stereo: some dozen are made and copied, each copy with other
bytes at its end. Every way is a process of its own, child processes and all; CPU is what it and they used, memory the
largest of them. The ways take turns, since a busy machine is busy for all of them. What would take too long is done on fewer
clips, and said so: a re-encode is scaled by their number (its time is), an xfade chain and MoviePy are not.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longtake.media import ffmpeg

if TYPE_CHECKING:
    from collections.abc import Iterable

SOURCES = 24
SECONDS = 5
SIZE = "1280x720"
FEW = 60
MANY = 1000
ROUNDS = 5
FADES = 6
ENCODED = 12
"""Clips that are encoded as a whole; the time is scaled to all."""
CHAINED = 12
MOVIES = 6
CONTINUING = 60
SOUND = "192k"

OURS = """
import json, sys
from pathlib import Path
from longtake.media import JoinClip, Transition, join
names, into, fades, continues = json.loads(sys.argv[1])
step = len(names) // fades if fades else 0
join(
    [
        JoinClip(
            Path(name), str(i), Transition("crossfade", 0.5) if step and i % step == step // 2 else None, continues=continues
        )
        for i, name in enumerate(names)
    ],
    Path(into),
)
"""
MOVIEPY = """
import json, sys
from moviepy import VideoFileClip, concatenate_videoclips
names, into = json.loads(sys.argv[1])
film = concatenate_videoclips([VideoFileClip(name) for name in names])
film.write_videofile(into, codec="libx264", preset="veryfast", audio_codec="aac", logger=None)
"""


def sources(folder: Path) -> list[Path]:
    """The clips that all others are copies of; kept between runs."""
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for number in range(SOURCES):
        path = folder / f"{number:02}.mp4"
        made.append(path)
        if path.exists():
            continue
        picture = f"testsrc2=s={SIZE}:r=24,hue=h={number * 15},noise=alls=8:allf=t:all_seed={number}"
        noise = f"anoisesrc=a=0.1:c=pink:seed={number}:r=44100"
        graph = "[1][2]amix,aformat=channel_layouts=stereo"
        inputs = [
            word for one in (picture, noise, f"sine={200 + 20 * number}:r=44100") for word in ("-f", "lavfi", "-i", one)
        ]
        coded = ["-c:v", "libx264", "-preset", "veryfast", "-b:v", "2M", "-pix_fmt", "yuv420p", "-c:a", "aac"]
        part = path.with_suffix(".part")
        ffmpeg.run(
            [*inputs, "-filter_complex", graph, "-t", str(SECONDS), *coded, "-f", "mp4", ffmpeg.file_url(part)],
            timeout=300,
        )
        part.rename(path)
    return made


def copies(made: list[Path], folder: Path, count: int) -> list[Path]:
    """So many different files: an MP4 may end in a box that nobody reads."""
    paths = []
    for number in range(count):
        path = folder / f"{number:04}.mp4"
        path.write_bytes(made[number % len(made)].read_bytes() + b"\0\0\0\x0cfree" + number.to_bytes(4, "big"))
        paths.append(path)
    return paths


def measured(command: list[str]) -> dict[str, float]:
    """Wall and CPU seconds, and megabytes at the most, of a command with all it starts."""
    started = time.perf_counter()
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        assert process.stderr is not None
        said = process.stderr.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, said[-2000:].decode("utf-8", "replace")
    return {
        "wall_s": time.perf_counter() - started,
        "cpu_s": used.ru_utime + used.ru_stime,
        "rss_mb": used.ru_maxrss / (1 if sys.platform == "darwin" else 1000) / (1e6 if sys.platform == "darwin" else 1),
    }


def ours(clips: Iterable[Path], into: Path, *, fades: int = 0, continues: bool = False) -> list[str]:
    return [sys.executable, "-c", OURS, json.dumps([[str(clip) for clip in clips], str(into), fades, continues])]


def cat(clips: list[Path], into: Path) -> list[str]:
    return ["sh", "-c", 'out=$1; shift; exec cat "$@" > "$out"', "cat", str(into), *map(str, clips)]


def concat(clips: list[Path], into: Path) -> list[str]:
    """Stream copy with the index in front, as ours has it."""
    script = into.with_suffix(".txt")
    script.write_text("".join(f"file 'file:{clip}'\n" for clip in clips))
    words = ["-f", "concat", "-safe", "0", "-i", str(script), "-c", "copy", "-movflags", "+faststart", str(into)]
    return [ffmpeg.binary(), "-v", "error", "-nostdin", "-y", *words]


def encoded(clips: list[Path], into: Path) -> list[str]:
    """All in one graph: the concat filter."""
    inputs = [word for clip in clips for word in ("-i", str(clip))]
    joined = "".join(f"[{i}:v][{i}:a]" for i in range(len(clips))) + f"concat=n={len(clips)}:v=1:a=1[v][a]"
    return [
        ffmpeg.binary(),
        "-v",
        "error",
        "-nostdin",
        "-y",
        *inputs,
        "-filter_complex",
        joined,
        *_coded(into, sound="[a]"),
    ]


def chained(clips: list[Path], into: Path) -> list[str]:
    """A crossfade at every joint, all in one graph."""
    inputs = [word for clip in clips for word in ("-i", str(clip))]
    graph, picture, sound = [], "[0:v]", "[0:a]"
    for i in range(1, len(clips)):
        graph.append(f"{picture}[{i}:v]xfade=transition=fade:duration=0.5:offset={i * (SECONDS - 0.5):g}[v{i}]")
        graph.append(f"{sound}[{i}:a]acrossfade=d=0.5[a{i}]")
        picture, sound = f"[v{i}]", f"[a{i}]"
    words = ["-filter_complex", ";".join(graph), "-map", picture]
    return [ffmpeg.binary(), "-v", "error", "-nostdin", "-y", *inputs, *words, *_coded(into, sound=sound)[2:]]


def _coded(into: Path, *, sound: str) -> list[str]:
    coding = ["-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-c:a", "aac", "-b:a", SOUND]
    return ["-map", "[v]", "-map", sound, *coding, "-movflags", "+faststart", str(into)]


def moviepy(folder: Path) -> str | None:
    """A Python that has MoviePy, or None."""
    place = folder / "moviepy"
    python = place / "bin" / "python"
    try:
        if not python.exists():
            subprocess.run([sys.executable, "-m", "venv", str(place)], check=True, capture_output=True)
        if subprocess.run([str(python), "-c", "import moviepy"], check=False, capture_output=True).returncode:
            words = ["-m", "pip", "install", "--quiet", "moviepy>=2.1"]
            subprocess.run([str(python), *words], check=True, capture_output=True, timeout=600)
    except (OSError, subprocess.SubprocessError):
        return None
    return str(python)


def rounds(ways: dict[str, list[str]], film: Path, times: int) -> dict[str, dict[str, float]]:
    """The medians of each way, which take turns."""
    found: dict[str, list[dict[str, float]]] = {way: [] for way in ways}
    for _ in range(times):
        for way, command in ways.items():
            found[way].append(measured(command))
            film.unlink(missing_ok=True)
    return {way: {key: statistics.median(one[key] for one in all_) for key in all_[0]} for way, all_ in found.items()}


def row(way: str, clips: int, found: dict[str, float], note: str = "") -> None:
    figures = f"{found['wall_s']:>9.2f}{found['cpu_s']:>9.2f}{found['rss_mb']:>9.0f}"
    print(f"  {way:<34}{clips:>6}{figures}  {note}", flush=True)


def main() -> dict[str, Any]:
    out = Path(__file__).parent / "out" / "join"
    made = sources(out)
    found: dict[str, Any] = {"clip_s": SECONDS, "size": SIZE, "rows": []}

    def tell(way: str, clips: int, figures: dict[str, float], note: str = "") -> None:
        found["rows"].append({"way": way, "clips": clips, **figures, "note": note})
        row(way, clips, figures, note)

    print(f"  {'':<34}{'clips':>6}{'wall s':>9}{'CPU s':>9}{'MB':>9}")
    with tempfile.TemporaryDirectory(prefix="longtake-bench-") as name:
        film = Path(name) / "film.mp4"
        clips = copies(made, Path(name), MANY)
        for count, times in ((FEW, ROUNDS), (MANY, 1)):
            some = clips[:count]
            ways = {"cat": cat(some, film), "concat demuxer": concat(some, film), "hard cuts": ours(some, film)}
            figures = rounds(ways, film, times)
            for way, each in figures.items():
                tell(
                    way, count, each, f"{each['wall_s'] / figures['concat demuxer']['wall_s']:.2f} × the concat demuxer"
                )
        few = clips[:FEW]
        ways = {
            "continuing shots": ours(few, film, continues=True),
            f"{FADES} crossfades": ours(few, film, fades=FADES),
            "full re-encode": encoded(clips[:ENCODED], film),
        }
        figures = rounds(ways, film, 3)
        whole = figures["full re-encode"]
        for key in ("wall_s", "cpu_s"):
            whole[key] *= FEW / ENCODED
        for way in list(ways)[:2]:
            ratio = f"{whole['wall_s'] / figures[way]['wall_s']:.1f} × faster than the full re-encode"
            tell(way, FEW, figures[way], ratio)
        tell("full re-encode", FEW, whole, f"measured on {ENCODED} clips, times scaled")
        tell(
            "xfade chain", CHAINED, rounds({"": chained(clips[:CHAINED], film)}, film, 1)[""], "every joint, one graph"
        )
        python = moviepy(out)
        if python is None:
            print("  MoviePy could not be installed here: left out")
        else:
            words = json.dumps([[str(clip) for clip in clips[:MOVIES]], str(film)])
            tell("MoviePy", MOVIES, rounds({"": [python, "-c", MOVIEPY, words]}, film, 1)[""])
    return found
