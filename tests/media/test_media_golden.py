"""The ffmpeg commands of a join, the last frame and the posters, kept as files: a change shows in review.

`LONGTAKE_GOLDEN=write pytest tests/media/test_media_golden.py` writes them again.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from longtake import media
from longtake.media import ColorCorrection, JoinClip, JoinSound, JoinTransition, ffmpeg

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture
def commands(monkeypatch, tmp_path, studio):
    """Run ffmpeg through a script that writes down how it was called; gives the calls, cleaned of names and measures."""
    log = tmp_path / "calls"
    log.touch()  # a film that is copied needs no call
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


def test_commands_of_a_copy_are_unchanged(commands, studio, tmp_path):
    clips = [JoinClip(studio.clip("one"), "one"), JoinClip(studio.clip("two", frames=97, pattern=1), "two")]
    media.join(clips, tmp_path / "film.mp4")
    same("copy", commands())


def test_commands_of_an_odd_clip_are_unchanged(commands, studio, tmp_path):
    odd = studio.clip("odd", frames=45, pattern=3, size="200x120", rate=30, options=("-bf", "0"))
    media.join([JoinClip(studio.clip("one"), "one"), JoinClip(odd, "odd")], tmp_path / "film.mp4")
    same("odd_clip", commands())


def test_commands_of_a_crossfade_are_unchanged(commands, studio, tmp_path):
    clips = [
        JoinClip(studio.clip("one"), "one"),
        JoinClip(studio.clip("two", frames=97, pattern=1), "two", JoinTransition("crossfade", 0.5)),
    ]
    media.join(clips, tmp_path / "film.mp4")
    same("crossfade", commands())


def test_commands_of_music_are_unchanged(commands, studio, tmp_path):
    tone = studio.file("tone.wav", "-f", "lavfi", "-i", "sine=300", "-af", "volume=-20dB", "-t", "1.5")
    media.join([JoinClip(studio.clip("one"), "one")], tmp_path / "film.mp4", sound=JoinSound(music=tone, loudness=-16))
    same("music", commands())


def test_commands_of_a_transition_are_unchanged(commands, studio, tmp_path):
    clips = [
        JoinClip(studio.clip("one"), "one"),
        JoinClip(studio.clip("two", frames=97, pattern=1), "two", JoinTransition("fade-black", 0.25)),
    ]
    media.join(clips, tmp_path / "film.mp4")
    same("transition", commands())


def test_commands_of_hevc_are_unchanged(commands, studio, tmp_path):
    source = ("-f", "lavfi", "-i", "testsrc2=s=64x64:r=24", "-frames:v", "25", "-c:v", "libx265", "-tag:v", "hvc1")
    clip = studio.file("hevc.mp4", *source, "-pix_fmt", "yuv420p10le", "-x265-params", "log-level=error")
    media.join([JoinClip(clip, "one"), JoinClip(clip, "two", JoinTransition("dissolve", 0.25))], tmp_path / "film.mp4")
    same("hevc", commands())


def test_commands_of_a_playlist_are_unchanged(commands, studio, tmp_path):
    media.hls(studio.clip("one"), tmp_path / "playlist")
    same("playlist", commands())


def test_lines_of_a_plan_are_unchanged(studio):
    one, two = studio.clip("one"), studio.clip("two", frames=97, pattern=1)
    clips = [
        JoinClip(one, "dawn/rocks"),
        JoinClip(two, "dawn/wakes", continues=True),
        JoinClip(studio.clip("flat", frames=25, options=("-bf", "0")), "storm/lamp", JoinTransition("dissolve", 0.25)),
        JoinClip(studio.clip("flat", frames=25, options=("-bf", "0")), "storm/beam", continues=True),
        JoinClip(studio.clip("odd", frames=45, pattern=3, size="200x120", rate=30, options=("-bf", "0")), "storm/sea"),
        JoinClip(
            studio.clip("mute", frames=49, pattern=3, audio=False),
            "end\n",
            correction=ColorCorrection(1.0, 128.0, 0.0, 1.0, 0.0, 3.0),
        ),
    ]
    plan = media.plan_join(clips, sound=JoinSound(loudness=-16))
    same("plan", "\n".join(plan.lines()) + "\n")
    assert json.loads(json.dumps(plan.as_dict()))["frames"] == plan.frames == plan.copied + plan.encoded


@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_commands_of_a_poster_are_unchanged(commands, studio, tmp_path, suffix):
    media.poster(studio.clip("one"), tmp_path / f"poster.{suffix}", 1.5)
    same(f"poster_{suffix}", commands())
