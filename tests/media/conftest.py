"""Small clips made with ffmpeg, once a session: every picture and sound a test looks at is built here."""

from __future__ import annotations

import hashlib
import http.server
import os
import threading
from array import array
from fractions import Fraction
from pathlib import Path

import pytest

from longtake.media import ffmpeg

BEEP = 1.0
"""Seconds into a clip at which its beep begins: frame 24."""
PATTERNS = ("testsrc2", "mandelbrot", "testsrc", "rgbtestsrc")


HEVC = ("-c:v", "libx265", "-pix_fmt", "yuv420p10le", "-tag:v", "hvc1")
TEN = "log-level=error:pools=none:frame-threads=1"
CORPUS = {
    "plain": {},
    "no-b-frames": {"options": ("-bf", "0")},
    "short-gops": {"options": ("-g", "12", "-bf", "2", "-x264-params", "open-gop=1")},
    "every-frame-a-key": {"options": ("-g", "1")},
    "hevc-10-bit": {"options": (*HEVC, "-x265-params", TEN)},
    "hevc-10-bit-no-b-frames": {"options": (*HEVC, "-x265-params", f"{TEN}:bframes=0:keyint=12")},
    "odd-size": {"size": "97x63", "options": ("-pix_fmt", "yuv444p")},
    "upright": {"size": "64x96"},
    "full-range": {"options": ("-vf", "scale=out_range=pc", "-color_range", "pc")},
    "bt709": {"options": ("-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709")},
    "25-a-second": {"rate": 25},
    "ntsc": {"rate": "24000/1001"},
    "no-sound": {"audio": False},
    "stereo-48": {"channels": 2, "hz": 48_000},
    "short-sound": {"heard": 1.5},
    "long-sound": {"heard": 2.5},
}
"""Clips of many makes, by name: what `Studio.clip` is asked for. All are of 49 frames and small."""


class Studio:
    """Makes clips, and says what is in a film."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def clip(
        self,
        name,
        *,
        frames=49,
        pattern=0,
        size="160x120",
        rate=24,
        audio=True,
        channels=1,
        hz=44_100,
        heard=None,
        options=(),
    ):
        path = self.folder / f"{name}.mp4"
        if path.exists():
            return path
        args = ["-f", "lavfi", "-i", f"{PATTERNS[pattern]}=s={size}:r={rate},trim=end_frame={frames}"]
        if audio:
            beep = f"if(between(t,{BEEP},{BEEP + 0.04}),0.5*sin(2*PI*1000*t),0)"
            args += [
                "-f",
                "lavfi",
                "-i",
                f"aevalsrc='{'|'.join([beep] * channels)}':s={hz}:d={heard or float(frames / Fraction(rate))}",
            ]
        args += ["-c:v", "libx264", "-preset", "veryfast"]
        args += ["-pix_fmt", "yuv420p", "-c:a", "aac", *options, "-f", "mp4", ffmpeg.file_url(path)]
        ffmpeg.run(args)
        return path

    def make(self, name):
        """A clip of the corpus."""
        if name == "edited":
            # Played from the middle of a group of pictures on: the frames before are there and not shown.
            return self.file("edited.mp4", "-ss", "0.5", "-i", ffmpeg.file_url(self.make("plain")), "-c", "copy")
        return self.clip(f"make-{name}", **{"size": "96x64", **CORPUS[name]})

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


class Web:
    """A server that gives nothing and remembers what it was asked."""

    def __init__(self):
        self.asked = asked = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                asked.append(self.path)
                self.send_error(404)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def web():
    made = Web()
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


@pytest.fixture(scope="session")
def studio(tmp_path_factory):
    return Studio(tmp_path_factory.mktemp("studio"))


@pytest.fixture(scope="session", params=[*CORPUS, "edited"])
def corpus(request, studio):
    """Each clip of the corpus in turn."""
    return studio.make(request.param)


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
