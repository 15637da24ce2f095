"""What joining costs next to ffmpeg's concat demuxer and a full re-encode of the same clips, in one run.

Clips are of real size: H.264 with B-frames in one GOP, 24 fps with grain, 3 Mbit/s, mono AAC at 44.1 kHz; 60 of 5 s in 720p and
1,000 of 2 s in 480p. Continuing shots have the tails that ingest stores with them. Some clips are made once by ffmpeg, the others
are copies with other bytes at their end. Each way is a process of its own; wall and CPU seconds and memory count it and its
children. The ways take turns, because a busy machine is busy for all of them: the ratios count. A full re-encode is measured on
some clips and scaled by their number.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longtake.media import ffmpeg

if TYPE_CHECKING:
    from collections.abc import Sequence

SOURCES = 12
ROUNDS = 3
FADES = 6
ENCODED = 12
"""Clips of the full re-encode; its time is scaled to all."""
RATE = "3M"

OURS = """
import json, sys
from pathlib import Path
from longtake.media import JoinClip, JoinTransition, join
names, tails, into, fades = json.loads(sys.argv[1])
step = len(names) // fades if fades else 0
join(
    [
        JoinClip(
            Path(name),
            str(i),
            JoinTransition("crossfade", 0.5) if step and i % step == step // 2 else None,
            continues=bool(tails),
            tail=Path(tails[i % len(tails)]) if tails else None,
        )
        for i, name in enumerate(names)
    ],
    Path(into),
)
"""

TAILS = """
import json, sys
from pathlib import Path
from longtake.media import examine
for clip, tail in json.loads(sys.argv[1]):
    examine(Path(clip), tail=Path(tail))
"""


@dataclass(frozen=True)
class Clips:
    """A set of clips: how many, how large, how long."""

    count: int
    size: str
    seconds: int


FEW = Clips(60, "1280x720", 5)
MANY = Clips(1000, "854x480", 2)


def sources(clips: Clips, folder: Path) -> list[Path]:
    """The clips that all others are copies of; kept between runs."""
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for number in range(SOURCES):
        path = folder / f"{clips.size}-{clips.seconds}s-{number:02}.mp4"
        made.append(path)
        if path.exists():
            continue
        picture = f"testsrc2=s={clips.size}:r=24,hue=h={number * 30},noise=alls=8:allf=t:all_seed={number}"
        inputs = ["-f", "lavfi", "-i", picture]
        for one in (f"anoisesrc=a=0.1:c=pink:seed={number}:r=44100", f"sine={200 + 20 * number}:r=44100"):
            inputs += ["-f", "lavfi", "-i", one]
        frames = clips.seconds * 24 + 1
        coded = ["-c:v", "libx264", "-preset", "fast", "-b:v", RATE, "-maxrate", RATE, "-bufsize", "2M", "-g", "250"]
        coded += ["-sc_threshold", "0", "-pix_fmt", "yuv420p", "-frames:v", str(frames), "-c:a", "aac", "-b:a", "96k"]
        part = path.with_suffix(".part")
        words = ["-filter_complex", "[1][2]amix,aformat=channel_layouts=mono[a]", "-map", "0:v", "-map", "[a]"]
        ffmpeg.run(
            [*inputs, *words, "-t", f"{frames / 24:.6f}", *coded, "-f", "mp4", ffmpeg.file_url(part)], timeout=300
        )
        part.rename(path)
    return made


def copies(made: list[Path], folder: Path, count: int) -> list[Path]:
    """As many different files: an MP4 may end in a box that nothing reads."""
    folder.mkdir()
    paths = []
    for number in range(count):
        path = folder / f"{number:04}.mp4"
        path.write_bytes(made[number % len(made)].read_bytes() + b"\0\0\0\x0cfree" + number.to_bytes(4, "big"))
        paths.append(path)
    return paths


def measured(command: list[str]) -> dict[str, float]:
    """Wall and CPU seconds of a command and its children, and the memory in MB of the largest of them."""
    started = time.perf_counter()
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        assert process.stderr is not None
        said = process.stderr.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, said[-2000:].decode("utf-8", "replace")
    unit = 1e6 if sys.platform == "darwin" else 1000
    return {
        "wall_s": time.perf_counter() - started,
        "cpu_s": used.ru_utime + used.ru_stime,
        "rss_mb": used.ru_maxrss / unit,
    }


def tails_of(made: list[Path]) -> list[Path]:
    """What ingest stores with each clip."""
    tails = [path.with_suffix(".tail") for path in made]
    # In a process of its own: what is measured below inherits the peak of this one.
    words = [[str(one) for one in pair] for pair in zip(made, tails, strict=True)]
    subprocess.run([sys.executable, "-c", TAILS, json.dumps(words)], check=True)
    return tails


def ours(clips: list[Path], into: Path, *, fades: int = 0, tails: Sequence[Path] = ()) -> list[str]:
    words = [[str(clip) for clip in clips], [str(tail) for tail in tails], str(into), fades]
    return [sys.executable, "-c", OURS, json.dumps(words)]


def concat(clips: list[Path], into: Path) -> list[str]:
    """Stream copy with the index in front, as ours has it."""
    script = into.with_suffix(f".{len(clips)}.txt")
    script.write_text("".join(f"file 'file:{clip}'\n" for clip in clips))
    words = ["-f", "concat", "-safe", "0", "-i", str(script), "-c", "copy", "-movflags", "+faststart", str(into)]
    return [ffmpeg.binary(), "-v", "error", "-nostdin", "-y", *words]


def encoded(clips: list[Path], into: Path) -> list[str]:
    """All in one graph: the concat filter."""
    inputs = [word for clip in clips for word in ("-i", str(clip))]
    joined = "".join(f"[{i}:v][{i}:a]" for i in range(len(clips))) + f"concat=n={len(clips)}:v=1:a=1[v][a]"
    words = ["-v", "error", "-nostdin", "-y", *inputs, "-filter_complex", joined, "-map", "[v]", "-map", "[a]"]
    coding = ["-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-c:a", "aac"]
    return [ffmpeg.binary(), *words, *coding, "-movflags", "+faststart", str(into)]


def rounds(ways: dict[str, list[str]], film: Path, times: int) -> dict[str, dict[str, float]]:
    """The medians of each way, which take turns."""
    found: dict[str, list[dict[str, float]]] = {way: [] for way in ways}
    for _ in range(times):
        for way, command in ways.items():
            found[way].append(measured(command))
            film.unlink(missing_ok=True)
    return {way: {key: statistics.median(one[key] for one in all_) for key in all_[0]} for way, all_ in found.items()}


def main() -> dict[str, Any]:
    out = Path(__file__).parent / "out" / "join"
    found: dict[str, Any] = {"rows": []}

    def tell(way: str, clips: Clips, figures: dict[str, float], over: dict[str, float], rival: str) -> None:
        ratios = {f"{key[:-2]}_ratio": round(figures[key] / over[key], 3) for key in ("wall_s", "cpu_s")}
        row = {"way": way, "clips": clips.count, **figures, "over": rival, **ratios}
        found["rows"].append(row)
        words = "".join(f"{figures[key]:>9.2f}" for key in ("wall_s", "cpu_s", "rss_mb"))
        wall, cpu = (f"{ratio:.2f}" if ratio > 0.2 else f"1/{1 / ratio:.1f}" for ratio in ratios.values())
        print(f"  {way:<18}{clips.count:>6}{words}{wall:>9}{cpu:>9}  {rival}", flush=True)

    print(f"  {'':<18}{'clips':>6}{'wall s':>9}{'CPU s':>9}{'MB':>9}{'wall ×':>9}{'CPU ×':>9}  over")
    with tempfile.TemporaryDirectory(prefix="longtake-bench-") as name:
        film = Path(name) / "film.mp4"
        made = sources(FEW, out)
        few = copies(made, Path(name) / "few", FEW.count)
        many = copies(sources(MANY, out), Path(name) / "many", MANY.count)
        ways = {
            "concat demuxer": concat(few, film),
            "hard cuts": ours(few, film),
            "continuing shots": ours(few, film, tails=tails_of(made)),
            f"{FADES} crossfades": ours(few, film, fades=FADES),
        }
        figures = rounds(ways, film, ROUNDS)
        for way in list(ways)[:3]:
            tell(way, FEW, figures[way], figures["concat demuxer"], "concat demuxer")
        figures |= rounds({"full re-encode": encoded(few[:ENCODED], film)}, film, 1)
        whole = figures["full re-encode"]
        for key in ("wall_s", "cpu_s"):
            whole[key] *= FEW.count / ENCODED
        for way in (f"{FADES} crossfades", "full re-encode"):
            tell(way, FEW, figures[way], whole, "full re-encode")
        ways = {"concat demuxer": concat(many, film), "hard cuts": ours(many, film)}
        figures = rounds(ways, film, 1)
        for way in ways:
            tell(way, MANY, figures[way], figures["concat demuxer"], "concat demuxer")
    return found
