"""What joining costs next to ffmpeg's concat demuxer and a full re-encode of the same clips, in one run.

Clips are of real size: H.264 with B-frames in one GOP, 24 fps with grain, 3 Mbit/s, mono AAC at 44.1 kHz; 60 of 5 s in 720p and
1,000 of 2 s in 480p; and 20 of 4 s in 1080p, HEVC Main10. Continuing shots have the tails that ingest stores with them. Each way is
a process of its own; wall and CPU seconds and memory count it and its children. The ways take turns, because a busy machine is busy
for all of them: the ratios count. A full re-encode is measured on some clips and scaled by their number.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench._clips import HEVC, Clips, numbered, sources
from bench._rows import medians, row
from longtake.media import ffmpeg

if TYPE_CHECKING:
    from collections.abc import Sequence

    Row = dict[str, Any]
    Aims = tuple[float | None, float | None]

ROUNDS = 3
FADES = 6
ENCODED = 12
"""Clips of the full re-encode; its time is scaled to all."""

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


FEW = Clips(60, "1280x720", 5)
MANY = Clips(1000, "854x480", 2)
WIDE = Clips(20, "1920x1080", 4, rate="5M", coder=HEVC, sources=2)


def copies(made: list[Path], folder: Path, count: int) -> list[Path]:
    """As many different files."""
    folder.mkdir()
    paths = []
    for number in range(count):
        path = folder / f"{number:04}.mp4"
        path.write_bytes(numbered(made[number % len(made)].read_bytes(), number))
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
    return {way: medians(all_) for way, all_ in found.items()}


def told(
    way: str, clips: Clips, ours: dict[str, float], rival: dict[str, float], over: str, *, aims: Aims
) -> list[Row]:
    """A row for wall seconds and one for CPU seconds."""
    name = f"join {clips.count:,} clips, {clips.size}, {way}"
    return [
        row(f"{name}, {key}", ours[f"{key}_s"], over, rival[f"{key}_s"], aim=aim)
        for key, aim in zip(("wall", "cpu"), aims, strict=True)
    ]


def main() -> dict[str, Any]:
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="longtake-bench-") as name:
        film = Path(name) / "film.mp4"
        made = sources(FEW)
        few = copies(made, Path(name) / "few", FEW.count)
        ways = {
            "concat": concat(few, film),
            "hard cuts": ours(few, film),
            "continuing": ours(few, film, tails=tails_of(made)),
            "crossfades": ours(few, film, fades=FADES),
        }
        found = rounds(ways, film, ROUNDS)
        rows += told("hard cuts", FEW, found["hard cuts"], found["concat"], "concat demuxer", aims=(1.2, 2.0))
        rows += told("continuing", FEW, found["continuing"], found["concat"], "concat demuxer", aims=(1.5, 3.0))
        whole = rounds({"all": encoded(few[:ENCODED], film)}, film, 1)["all"]
        whole = {key: value * FEW.count / ENCODED for key, value in whole.items()}
        rows += told(f"{FADES} crossfades", FEW, found["crossfades"], whole, "full re-encode", aims=(1 / 12, None))
        for clips, aims in ((MANY, (2.0, 3.0)), (WIDE, (None, None))):
            copied = copies(sources(clips), Path(name) / clips.size, clips.count)
            found = rounds({"concat": concat(copied, film), "ours": ours(copied, film)}, film, 1)
            kind = "hard cuts" if clips is MANY else "HEVC Main10"
            rows += told(kind, clips, found["ours"], found["concat"], "concat demuxer", aims=aims)
            memory = row(f"join {clips.count:,} clips, {clips.size}, memory", found["ours"]["rss_mb"], "concat demuxer",
                         found["concat"]["rss_mb"], unit="MB")  # fmt: skip
            rows.append(memory)
    return {"rows": rows}
