"""The sound of a film is encoded in segments on all cores, and nobody can hear or see where."""

from __future__ import annotations

import hashlib
import math
import os
import random
from array import array
from itertools import pairwise

import pytest

from longtake import media
from longtake.media import JoinClip, JoinSound
from longtake.media.audio import aac

COUNT = (2 * 1024 + 300) * 1024 + 77
"""Samples of a sound of three segments."""


def music(count, channels):
    """Tones and some noise that begin again where no packet does, and a knock right where the second segment begins."""
    rand = random.Random(1)
    turn = [round(5000 * math.sin(at * (0.02 + at * 4e-7)) + rand.randrange(-300, 300)) for at in range(100_003)]
    samples = array("h", turn * (count // len(turn) + 1))[:count]
    for at in range(1024 * 1024 - 20, min(1024 * 1024 + 20, count)):
        samples[at] += 9000
    return array("h", [value for value in samples for _ in range(channels)]) if channels > 1 else samples


def encoded(samples, channels, size):
    parts = (samples[at : at + size] for at in range(0, len(samples), size))
    return list(aac.packets(aac.Samples(parts, len(samples) // channels, channels)))


def decoded(packets, channels):
    import av

    decoder = av.CodecContext.create("aac", "r")
    decoder.extradata = bytes([0x11, 0x88 if channels == 1 else 0x90])
    heard = array("f")
    for packet in [*packets, None]:
        for frame in decoder.decode(packet):
            heard.frombytes(bytes(frame.planes[0])[: 4 * frame.samples])
    return heard


@pytest.fixture(scope="module")
def tune():
    return music(COUNT, 1)


@pytest.fixture(scope="module")
def packets(tune):
    return encoded(tune, 1, 100_001)


def test_packets_cover_the_sound_without_a_gap(packets):
    assert packets[0].pts == -1024
    assert all(b.pts - a.pts == a.duration == 1024 for a, b in pairwise(packets))
    assert packets[-1].pts + packets[-1].duration == COUNT


@pytest.mark.parametrize("cores", [1, 3, None])
def test_packets_are_the_same_on_any_number_of_cores(tune, packets, cores, monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    assert [bytes(one) for one in encoded(tune, 1, 7_777_777)] == [bytes(one) for one in packets]


def test_a_segment_cannot_be_heard_to_begin(tune, packets):
    heard = decoded(packets, 1)[1024:]
    errors = [
        math.sqrt(sum((heard[i] - tune[i] / 32768) ** 2 for i in range(at, at + 1024)) / 1024)
        for at in range(1000 * 1024, 1100 * 1024, 1024)
    ]
    around = errors[20:30]
    assert max(around) <= 1.5 * max(errors[:15] + errors[40:])


def test_a_short_sound_in_stereo_is_one_segment():
    samples = music(5000, 2)
    made = encoded(samples, 2, 999)
    assert [one.pts for one in made] == [-1024, 0, 1024, 2048, 3072, 4096]
    assert made[-1].duration == 5000 - 4096


def test_a_sound_that_ends_where_a_segment_does(tune):
    for packets in (1023, 1024, 1028):
        made = encoded(tune[: packets * 1024], 1, 50_000)
        assert len(made) == packets + 1
        assert made[-1].pts + made[-1].duration == packets * 1024


def test_films_have_equal_bytes_on_any_number_of_cores(studio, tmp_path, monkeypatch):
    clips = [JoinClip(studio.clip(f"core{i}", pattern=i, frames=49), "x", continues=i > 0) for i in range(3)]
    sums = set()
    for cores in (1, 2, 5):
        monkeypatch.setattr(os, "cpu_count", lambda cores=cores: cores)
        media.join(clips, tmp_path / "film.mp4")
        sums.add(hashlib.sha256((tmp_path / "film.mp4").read_bytes()).hexdigest())
    assert len(sums) == 1


def test_a_film_with_a_loudness_is_in_step_too(studio, tmp_path, heard):
    clips = [JoinClip(studio.clip("core0", frames=49), "x")] * 3
    for sound in (JoinSound(), JoinSound(loudness=-20)):
        media.join(clips, tmp_path / "film.mp4", sound=sound)
        assert heard(tmp_path / "film.mp4") == [pytest.approx(1 + 49 / 24 * i, abs=0.005) for i in range(3)]
