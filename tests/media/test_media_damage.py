"""A clip whose damage is in its sound is kept, named in its findings, and joined: silent where it is damaged, without a click."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from longtake import media
from longtake.errors import MediaError
from longtake.media import JoinClip, JoinTransition

TONE = "0.4*sin(2*PI*330*t)"


@pytest.fixture(scope="session")
def small(studio):
    """Small clips of half a second, whose sound has most of the bytes."""

    def make(name, *options):
        picture = (
            "-f",
            "lavfi",
            "-i",
            "testsrc2=s=64x48:r=24:d=0.5",
            "-f",
            "lavfi",
            "-i",
            f"aevalsrc='{TONE}':s=48000:d=0.5",
        )
        coded = (
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-bf",
            "2",
            "-pix_fmt",
            "yuv420p",
            "-c:a",
            "aac",
            "-b:a",
            "192k",
        )
        return studio.file(f"small-{name}.mp4", *picture, *coded, *options)

    return [make("plain"), make("fast", "-movflags", "+faststart"), make("stereo", "-ac", "2", "-ar", "44100")]


def packets(path):
    import av

    with av.open(str(path)) as container:
        return [(packet.pos, packet.size) for packet in container.demux(audio=0) if packet.size]


def damaged(dice, path):
    """Flipped bits, mostly of the sound or of the tables, or bytes of some packets overwritten."""
    data, sound = bytearray(path.read_bytes()), packets(path)
    way = dice.random()
    if way < 0.2:
        for at, size in dice.sample(sound, dice.randint(1, 4)):
            data[at : at + size] = dice.randbytes(size) if dice.random() < 0.5 else bytes(size)
        return data
    tables = data.find(b"moov"), data.find(b"udta")
    for _ in range(dice.choice((1, 1, 2, 8, 30))):
        if way < 0.5:
            at, size = dice.choice(sound)
            place = at + dice.randrange(size)
        else:
            place = dice.randrange(*tables) if way < 0.8 else dice.randrange(len(data))
        data[place] ^= 1 << dice.randrange(8)
    return data


def accepted_and_joined(seed, small, folder):
    """Whether ingest accepts a damaged clip; when it does, it is joined."""
    dice = random.Random(seed)
    whole = dice.choice(small)
    broken = folder / "broken.mp4"
    broken.write_bytes(damaged(dice, whole))
    try:
        media.examine(broken, audio=True)
    except MediaError:
        return False
    continues, fade = dice.random() < 0.1, JoinTransition("crossfade", 0.1) if dice.random() < 0.05 else None
    clips = [JoinClip(whole, "a"), JoinClip(broken, "b", fade), JoinClip(whole, "c", continues=continues)]
    done = media.join(clips, folder / "film.mp4")
    assert media.probe(folder / "film.mp4").frames == done.frames
    return True


LONG_FRAME = range(1706, 1707)
"""A clip whose only frame lasts 170 seconds."""
SLOW = pytest.param(range(20, 200), marks=pytest.mark.slow)
DEEP = [
    pytest.param(range(at, at + 450), marks=[pytest.mark.deep, pytest.mark.timeout(900)])
    for at in range(200, 2000, 450)
]


@pytest.mark.parametrize("seeds", [range(20), LONG_FRAME, SLOW, *DEEP], ids=lambda seeds: f"{seeds.start}-{seeds.stop}")
def test_what_ingest_accepts_the_join_can_join(seeds, small, tmp_path):
    accepted = sum(accepted_and_joined(seed, small, tmp_path) for seed in seeds)
    assert accepted > len(seeds) // 4


def test_lost_packets_are_faded_silence_and_one_finding(studio, tmp_path, sample_values):
    tone = studio.file(
        *(
            "tone.mp4",
            "-f",
            "lavfi",
            "-i",
            "testsrc2=s=64x48:r=24:d=3",
            "-f",
            "lavfi",
            "-i",
            f"aevalsrc='{TONE}':s=48000:d=3",
        ),
        *("-c:v", "libx264", "-c:a", "aac", "-b:a", "192k"),
    )
    data = bytearray(tone.read_bytes())
    for at, size in packets(tone)[60:63]:
        data[at : at + size] = b"\xff" * size
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(data)
    (found,) = media.examine(broken, audio=True).findings
    assert (found.kind, found.text) == (
        "broken sound",
        "its sound is damaged at 1.3 s: 0.06 s of it are silent in the film",
    )
    (unasked,) = media.examine(broken).findings
    assert not unasked.grave
    media.join([JoinClip(tone, "a"), JoinClip(broken, "b")], tmp_path / "film.mp4")
    heard, whole = sample_values(tmp_path / "film.mp4")[144_000:288_000], sample_values(tone)[:144_000]
    assert max(map(abs, heard[61_500:62_300])) < 200
    for start, end in ((2000, 59_000), (66_000, 140_000)):
        error = sum(abs(a - b) for a, b in zip(heard[start:end], whole[start:end], strict=True)) / (end - start)
        assert error < 150, "sound around the damage stays in its place"
    steps = [abs(b - a) for a, b in pairwise(heard[58_000:66_000])]
    assert max(steps) < 1.5 * max(abs(b - a) for a, b in pairwise(whole[58_000:66_000])), "a click"


def test_one_loud_beep_is_not_silence(studio):
    beep = "if(between(t,2,2.05),0.5*sin(2*PI*880*t),0)"
    clip = studio.file(
        *(
            "beep.mp4",
            "-f",
            "lavfi",
            "-i",
            "testsrc2=s=64x48:r=24:d=5",
            "-f",
            "lavfi",
            "-i",
            f"aevalsrc='{beep}':s=48000:d=5",
        ),
        *("-c:v", "libx264", "-c:a", "aac"),
    )
    assert media.examine(clip, audio=True).findings == ()
