"""Small clips made with ffmpeg, once a session: every picture and sound a test looks at is built here."""

from __future__ import annotations

import hashlib
import os
from array import array
from fractions import Fraction
from pathlib import Path

import pytest

from longtake.media import ffmpeg

BEEP = 1.0
"""Seconds into a clip at which its beep begins: frame 24."""
PATTERNS = ("testsrc2", "mandelbrot", "testsrc", "rgbtestsrc")


class Studio:
    """Makes clips, and says what is in a film."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def clip(self, name, *, frames=49, pattern=0, size="160x120", rate=24, audio=True, channels=1, options=()):
        path = self.folder / f"{name}.mp4"
        if path.exists():
            return path
        args = ["-f", "lavfi", "-i", f"{PATTERNS[pattern]}=s={size}:r={rate},trim=end_frame={frames}"]
        if audio:
            beep = f"if(between(t,{BEEP},{BEEP + 0.04}),0.5*sin(2*PI*1000*t),0)"
            args += ["-f", "lavfi", "-i", f"aevalsrc='{'|'.join([beep] * channels)}':s=44100:d={frames / rate}"]
        args += ["-c:v", "libx264", "-preset", "veryfast"]
        args += ["-pix_fmt", "yuv420p", "-c:a", "aac", *options, "-f", "mp4", ffmpeg.file_url(path)]
        ffmpeg.run(args)
        return path

    def file(self, name, *args):
        path = self.folder / name
        if not path.exists():
            ffmpeg.run([*args, ffmpeg.file_url(path)])
        return path


def frame_hashes(path):
    import av

    with av.open(str(path)) as container:
        return [
            hashlib.sha256(b"".join(bytes(plane) for plane in frame.planes)).hexdigest()
            for frame in container.decode(video=0)
        ]


def frame_times(path):
    import av

    with av.open(str(path)) as container:
        return [frame.pts * frame.time_base for frame in container.decode(video=0)]


def samples(path, rate=48_000):
    """Mono samples from the film's time 0 on, decoded apart from the code under test."""
    import av

    heard = array("h")
    with av.open(str(path)) as container:
        resampler = av.AudioResampler(format="s16", layout="mono", rate=rate)
        for frame in container.decode(audio=0):
            if not heard:
                heard.frombytes(bytes(2 * max(round((frame.pts or 0) * Fraction(frame.time_base) * rate), 0)))
            for part in resampler.resample(frame):
                heard.frombytes(bytes(part.planes[0])[: part.samples * 2])
    return heard


def beeps(path, *, threshold=1500, rate=48_000):
    """Seconds at which sound begins after at least a fifth of a second without."""
    found, last = [], -rate
    for at, value in enumerate(samples(path, rate)):
        if abs(value) > threshold:
            if at - last > rate // 5:
                found.append(at / rate)
            last = at
    return found


def children():
    """Processes started by this one that are there, zombies included."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == os.getpid():
            found.add(int(stat.parent.name))
    return found


@pytest.fixture(scope="session")
def studio(tmp_path_factory):
    return Studio(tmp_path_factory.mktemp("studio"))


@pytest.fixture(scope="session")
def heard():
    return beeps


@pytest.fixture(scope="session")
def hashes():
    return frame_hashes


@pytest.fixture(scope="session")
def times():
    return frame_times


@pytest.fixture(scope="session")
def sample_values():
    return samples


@pytest.fixture
def offspring():
    if not Path("/proc/self/stat").exists():
        pytest.skip("needs /proc")
    return children
