"""The ffmpeg commands of a join, the last frame and the posters, kept as files: a change shows in review.

`LONGTAKE_GOLDEN=write pytest tests/media/test_media_golden.py` writes them anew.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from longtake import media
from longtake.media import JoinClip, Sound, ffmpeg

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture
def commands(monkeypatch, tmp_path, studio):
    """Run ffmpeg through a script that writes down how it was called; gives the calls, cleaned of names and measures."""
    log = tmp_path / "calls"
    spy = tmp_path / "ffmpeg"
    spy.write_text(
        "#!/bin/sh\n"
        f'case "$*" in *-progress*) printf "%s\\n" "$@" >> "{log}"; echo >> "{log}";; esac\n'
        f'exec "{ffmpeg.binary()}" "$@"\n'
    )
    spy.chmod(0o755)
    monkeypatch.setenv("LONGTAKE_FFMPEG", str(spy))

    def calls():
        # Clips built on the way are the tests' own affair.
        blocks = log.read_text().split("\n\n")
        text = "\n\n".join(block for block in blocks if "\nlavfi\n" not in block)
        for found, name in (
            (rf"{re.escape(str(tmp_path))}/\.join-[^/]+", "{work}"),
            (rf"{re.escape(str(tmp_path))}", "{into}"),
            (rf"{re.escape(str(studio.folder))}", "{clips}"),
            (r"\.[0-9a-f]{32}\.part", "{part}"),
            (r"volume=-?[0-9.]+dB", "volume={measured}dB"),
        ):
            text = re.sub(found, name, text)
        return text

    return calls


def same(name, text):
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("LONGTAKE_GOLDEN") == "write":
        path.write_text(text)
    assert text == path.read_text()


def test_copy(commands, studio, tmp_path):
    clips = [JoinClip(studio.clip("one"), "one"), JoinClip(studio.clip("two", frames=97, pattern=1), "two")]
    media.join(clips, tmp_path / "film.mp4")
    same("copy", commands())


def test_odd_clip(commands, studio, tmp_path):
    odd = studio.clip("odd", frames=45, pattern=3, size="200x120", rate=30, options=("-bf", "0"))
    media.join([JoinClip(studio.clip("one"), "one"), JoinClip(odd, "odd")], tmp_path / "film.mp4")
    same("odd_clip", commands())


def test_crossfade(commands, studio, tmp_path):
    clips = [JoinClip(studio.clip("one"), "one"), JoinClip(studio.clip("two", frames=97, pattern=1), "two", 0.5)]
    media.join(clips, tmp_path / "film.mp4")
    same("crossfade", commands())


def test_music(commands, studio, tmp_path):
    tone = studio.file("tone.wav", "-f", "lavfi", "-i", "sine=300", "-af", "volume=-20dB", "-t", "1.5")
    media.join([JoinClip(studio.clip("one"), "one")], tmp_path / "film.mp4", sound=Sound(music=tone, loudness=-16))
    same("music", commands())


def test_last_frame(commands, studio, tmp_path):
    media.last_frame(studio.clip("one"), tmp_path / "last.png")
    same("last_frame", commands())


@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_poster(commands, studio, tmp_path, suffix):
    media.poster(studio.clip("one"), tmp_path / f"poster.{suffix}", 1.5)
    same(f"poster_{suffix}", commands())
