"""Any film of clips in odd forms, twins among them, is joined as planned or refused with a `LongtakeError` that says why."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from longtake import media
from longtake.errors import FfmpegError, MediaError
from longtake.media import ColorCorrection, JoinClip, JoinSound, JoinTransition, ffmpeg

X265 = ("-c:v", "libx265", "-tag:v", "hvc1", "-x265-params")
FORMS = {
    "plain": {},
    "no-b-frames": {"options": ("-bf", "0")},
    "deep-b-frames": {"options": ("-bf", "7", "-b_strategy", "0")},
    "open-gop": {"options": ("-g", "6", "-bf", "2", "-x264-params", "open-gop=1")},
    "all-keys": {"options": ("-g", "1")},
    "intra-refresh": {"options": ("-x264-params", "intra-refresh=1:keyint=8")},
    "hevc": {"options": (*X265, "log-level=error", "-pix_fmt", "yuv420p10le")},
    "hevc-8-bit": {"options": (*X265, "log-level=error:bframes=0")},
    "ten-bit": {"options": ("-pix_fmt", "yuv420p10le")},
    "4:2:2": {"options": ("-pix_fmt", "yuv422p")},
    "4:4:4": {"options": ("-pix_fmt", "yuv444p")},
    "full-range": {"options": ("-vf", "scale=out_range=pc", "-color_range", "pc")},
    "bt709": {"options": ("-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709")},
    "pq": {"options": ("-colorspace", "bt2020nc", "-color_primaries", "bt2020", "-color_trc", "smpte2084")},
    "wide-pixels": {"options": ("-vf", "setsar=4/3")},
    "nearly-square-pixels": {"options": ("-vf", "setsar=1280/1281")},
    "upright": {"size": "48x64"},
    "odd-size": {"size": "63x49", "options": ("-pix_fmt", "yuv444p")},
    "tiny": {"size": "16x16"},
    "25-a-second": {"rate": 25},
    "ntsc": {"rate": "30000/1001"},
    "60-a-second": {"rate": 60},
    "8-a-second": {"rate": 8},
    "uneven": {"options": ("-vf", "select=not(eq(mod(n\\,5)\\,3))", "-fps_mode", "vfr")},
    "one-frame": {"frames": 1, "audio": False},
    "two-frames": {"frames": 2},
    "silent": {"audio": False},
    "stereo": {"channels": 2, "hz": 48_000},
    "8-kHz": {"hz": 8_000},
    "short-sound": {"heard": 0.2},
    "long-sound": {"heard": 3},
    "mpeg-4": {"options": ("-c:v", "mpeg4")},
}
KINDS = ("cut", "crossfade", "dissolve", "wipe-left", "circle-open", "pixelize", "fade-black")
WARM = ColorCorrection(1.02, 128.0, 2.0, 1.0, 0.0, 4.0)


def any_film(studio, dice):
    """Two to five clips; about every third is one that is in the film already."""
    clips = []
    odd = dice.sample(sorted(FORMS), 2)
    for number in range(dice.randint(2, 5)):
        if clips and dice.random() < 0.35:
            path = dice.choice(clips).path
        else:
            form = dice.choice(odd)
            made = {"size": "64x48", "frames": dice.choice((9, 14)), **FORMS[form]}
            made["options"] = ("-preset", "ultrafast", *made.get("options", ()))
            path = studio.clip(f"fuzz-{form}-{made['frames']}", **made)
        transition = (
            JoinTransition(dice.choice(KINDS), dice.choice((0.05, 0.1, 0.2, 9 / 24))) if dice.random() < 0.6 else None
        )
        correction = WARM if dice.random() < 0.2 else None
        clips.append(
            JoinClip(path, str(number), transition, dice.random() < 0.5, dice.choice((None, "Ahoy")), correction)
        )
    return clips


@pytest.mark.parametrize("seed", [*range(8), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(8, 300))])
def test_any_film_is_joined_as_planned_or_refused(seed, studio, tmp_path):
    dice = random.Random(seed)
    clips = any_film(studio, dice)
    sound = JoinSound(loudness=-18.0) if dice.random() < 0.15 else JoinSound()
    film = tmp_path / "film.mp4"
    try:
        planned = media.plan_join(clips, sound=sound)
    except MediaError:
        with pytest.raises(MediaError, match="its transitions need"):
            media.join(clips, film, sound=sound)
        return
    done = media.join(clips, film, sound=sound)
    assert done.plan == planned
    assert media.probe(film).frames == done.frames
    assert ffmpeg.run(["-xerror", "-i", ffmpeg.file_url(film), "-f", "null", "-"], level="error") == ""


def test_a_take_crosses_into_itself(studio, tmp_path):
    twin = studio.clip("twin-odd", frames=9, size="48x64", options=("-pix_fmt", "yuv444p"))
    clips = [
        JoinClip(studio.clip("twin-film", frames=40, size="64x48"), "film"),
        JoinClip(twin, "one"),
        JoinClip(twin, "other", JoinTransition("crossfade", 0.125)),
    ]
    assert media.join(clips, tmp_path / "film.mp4").frames == 40 + 9 + 6


def test_an_error_nobody_foresaw_is_a_longtake_error(tmp_path):
    with pytest.raises(FfmpegError, match="cannot be joined: ValueError"):
        media.join([JoinClip(Path("a\0b.mp4"), "x")], tmp_path / "film.mp4")
