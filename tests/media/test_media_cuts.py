"""No cut clicks: sound that does not meet at a cut is faded, so no step there is much larger than those of the material."""

from __future__ import annotations

from itertools import pairwise

import pytest

from longtake import media
from longtake.media import JoinClip

WAVES = {
    "low": ("0.5*sin(2*PI*220*t)", 48_000, 1),
    "cut-at-peak": ("0.5*cos(2*PI*150*t)", 48_000, 1),
    "constant": ("0.4", 48_000, 1),
    "44-kHz": ("0.5*sin(2*PI*333*t+1)", 44_100, 1),
    "stereo": ("0.3*cos(2*PI*90*t)", 48_000, 2),
}


def wave(studio, name):
    expression, rate, channels = WAVES[name]
    sound = f"aevalsrc='{'|'.join([expression] * channels)}':s={rate}:d=1"
    source = ("-f", "lavfi", "-i", "testsrc2=s=64x48:r=24:d=1", "-f", "lavfi", "-i", sound)
    return studio.file(f"wave-{name}.mp4", *source, "-c:v", "libx264", "-bf", "0", "-c:a", "aac", "-b:a", "192k")


def steepest(values):
    return max(abs(after - before) for before, after in pairwise(values))


@pytest.mark.parametrize("continues", [False, True])
def test_no_cut_clicks(studio, tmp_path, sample_values, continues):
    clips = [JoinClip(wave(studio, name), name, continues=continues) for name in [*WAVES, *WAVES]]
    film = tmp_path / "film.mp4"
    done = media.join(clips, film)
    heard = sample_values(film)
    for chapter in done.chapters[1:]:
        at = round(chapter.start * 48_000)
        material = max(steepest(heard[at - 8_000 : at - 800]), steepest(heard[at + 800 : at + 8_000]))
        assert steepest(heard[at - 480 : at + 480]) < 2.2 * material, "an unfaded cut has a step of 10 to 40 times that"
