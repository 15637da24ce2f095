"""Small real media files, and a short way to resolve a storyboard's text."""

from __future__ import annotations

import subprocess
import wave
from typing import TYPE_CHECKING

import pictures
import pytest

from longtake import storyboard
from longtake.catalog import Catalog
from longtake.errors import StoryboardError
from longtake.media import ffmpeg
from longtake.request import resolve

if TYPE_CHECKING:
    from pathlib import Path


def write_png(path: Path, width=400, height=300, shade=128):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pictures.png(shade, width, height))
    return path


def write_wav(path: Path, seconds=2.0):
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(b"\0\0" * int(8000 * seconds))
    return path


@pytest.fixture(scope="session")
def clips(tmp_path_factory):
    """Clips of 400 x 300 pixels by length in seconds, made once."""
    folder = tmp_path_factory.mktemp("clips")

    def make(seconds, ending="mp4"):
        path = folder / f"{seconds}.{ending}"
        if not path.exists():
            source = f"color=c=gray:s=400x300:r=24:d={seconds}"
            codec = ["-c:v", "libvpx-vp9", "-deadline", "realtime"] if ending == "webm" else ["-c:v", "libx264"]
            command = [ffmpeg.binary(), "-nostdin", "-v", "error", "-f", "lavfi", "-i", source]
            subprocess.run([*command, *codec, str(path)], check=True, timeout=150)
        return path

    return make


@pytest.fixture(scope="session")
def catalog():
    return Catalog.load()


@pytest.fixture
def film(tmp_path, catalog):
    """Resolve a storyboard from its shots (YAML lines) and head lines."""

    def work(*shots, head="model: seedance-2.5\n", using=catalog, base=tmp_path):
        return resolve(storyboard.draft_text(text(*shots, head=head), name="film.yaml", base=base), using)

    return work


@pytest.fixture
def problems(film):
    """The problems a storyboard has, as text."""

    def work(*shots, **named):
        with pytest.raises(StoryboardError) as caught:
            film(*shots, **named)
        return [str(problem) for problem in caught.value.problems]

    return work


def text(*shots, head):
    lines = "\n".join(f"      - {shot}" for shot in shots)
    return f"schema: longtake/1\ntitle: T\n{head}scenes:\n  - id: one\n    shots:\n{lines}\n"


@pytest.fixture
def png():
    return write_png


@pytest.fixture
def wav():
    return write_wav
