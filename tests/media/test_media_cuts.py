"""No cut clicks: sound that does not meet at a cut is faded, so neither its steps nor its spectrum stand out from the material."""

from __future__ import annotations

import math
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
    "hum": ("0.5*cos(2*PI*50*t)", 48_000, 1),
    "chord": ("0.2*sin(2*PI*220*t)+0.15*sin(2*PI*277*t+1)+0.1*sin(2*PI*330*t+2)", 22_050, 1),
}
HIGH = range(2000, 4001, 100)
"""Hz of a band that none of these waves has anything in, and in which ears are keen."""


def wave(studio, name):
    expression, rate, channels = WAVES[name]
    sound = f"aevalsrc='{'|'.join([expression] * channels)}':s={rate}:d=1.5"
    # Uncoded: an encoder's noise where a wave begins with a jump is the clip's own.
    source = ("-f", "lavfi", "-i", "testsrc2=s=64x48:r=24:d=1", "-f", "lavfi", "-i", sound)
    return studio.file(f"wave-{name}.mov", *source, "-c:v", "libx264", "-bf", "0", "-c:a", "pcm_s16le")


def high(values):
    """How much of the band there is, in dB under a full tone."""
    count = len(values)
    faded = [value * (0.5 - 0.5 * math.cos(2 * math.pi * i / count)) for i, value in enumerate(values)]
    energy = 0.0
    for hertz in HIGH:
        # Goertzel's filter: one bin of a Fourier transform.
        turn, last, before = 2 * math.cos(2 * math.pi * hertz / 48_000), 0.0, 0.0
        for value in faded:
            last, before = value + turn * last - before, last
        energy += last * last + before * before - turn * last * before
    return 10 * math.log10(energy / (count / 4 * 32768) ** 2 + 1e-12)


def steepest(values):
    return max(abs(after - before) for before, after in pairwise(values))


@pytest.mark.slow
@pytest.mark.parametrize("continues", [False, True])
def test_no_cut_clicks(studio, tmp_path, sample_values, continues):
    clips = [JoinClip(wave(studio, name), name, continues=continues) for name in [*WAVES, *WAVES]]
    film = tmp_path / "film.mp4"
    done = media.join(clips, film)
    heard = sample_values(film)
    for chapter in done.chapters[1:]:
        at = round(chapter.start * 48_000)
        material = max(steepest(heard[at - 8_000 : at - 800]), steepest(heard[at + 800 : at + 8_000]))
        assert steepest(heard[at - 480 : at + 480]) < 1.2 * material, "an unfaded cut has a step of 10 to 40 times that"
        joint, sides = (
            high(heard[at - 480 : at + 480]),
            (heard[at - 9_000 : at - 8_040], heard[at + 8_040 : at + 9_000]),
        )
        assert joint < max(-80.0, *map(high, sides)), "a fade with a bend at silence has -63 dB there, a bare step -20"
