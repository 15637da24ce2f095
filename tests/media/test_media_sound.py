"""The sound of a film: together with the picture, as loud as asked, music under it."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest

from longtake import media
from longtake.errors import MediaError
from longtake.media import JoinClip, JoinSound, JoinTransition
from longtake.media.audio import decoding


def titled(*paths):
    return [JoinClip(path, path.stem) for path in paths]


def voice(studio, name, *, level, seconds=3, channels=1, on="1"):
    tone = f"{10 ** (level / 20)}*sin(2*PI*440*t)*({on})"
    picture = ("-f", "lavfi", "-i", f"testsrc2=s=64x64:r=24:d={seconds}")
    source = (*picture, "-f", "lavfi", "-i", f"aevalsrc='{'|'.join([tone] * channels)}':s=48000:d={seconds}")
    return studio.file(f"{name}.mp4", *source, "-c:v", "libx264", "-bf", "0", "-c:a", "aac", "-b:a", "192k")


def power(values):
    return 10 * math.log10(sum(value * value for value in values) / len(values) / 32768**2 + 1e-12)


def test_a_crossfade_is_as_loud_in_its_middle(studio, tmp_path, sample_values):
    def noise(name, seed):
        picture = ("-f", "lavfi", "-i", "testsrc2=s=64x64:r=24:d=3")
        sound = ("-f", "lavfi", "-i", f"anoisesrc=a=0.2:seed={seed}:r=48000:d=3")
        return studio.file(f"{name}.mp4", *picture, *sound, "-c:v", "libx264", "-c:a", "aac", "-b:a", "192k")

    film = tmp_path / "film.mp4"
    clips = [JoinClip(noise("n1", 1), "a"), JoinClip(noise("n2", 2), "b", JoinTransition("fade-black", 1.0))]
    media.join(clips, film)
    values = sample_values(film)
    alone, middle = power(values[48_000:86_400]), power(values[2 * 48_000 + 19_200 : 2 * 48_000 + 28_800])
    assert middle == pytest.approx(alone, abs=1.0)


def test_sound_that_ends_before_its_picture_does_not_click(studio, tmp_path, sample_values):
    hum = studio.file(
        "short_hum.mp4",
        *("-f", "lavfi", "-i", "testsrc2=s=64x64:r=24:d=2"),
        *("-f", "lavfi", "-i", "aevalsrc=0.5*cos(2*PI*50*t):s=48000:d=1"),
        *("-c:v", "libx264", "-c:a", "aac"),
    )
    film = tmp_path / "film.mp4"
    media.join(titled(hum, hum), film)
    values = sample_values(film)
    assert max(abs(value) for value in values[40_000:46_000]) > 10_000
    assert max(abs(after - before) for before, after in pairwise(values[47_800:100_000])) < 800


@pytest.mark.slow
@pytest.mark.parametrize("target", [-23.0, -14.0])
def test_a_film_measures_as_loud_as_asked(studio, tmp_path, target):
    film = tmp_path / "film.mp4"
    clips = titled(voice(studio, "soft", level=-30), voice(studio, "loud", level=-18))
    done = media.join(clips, film, sound=JoinSound(loudness=target))
    assert done.loudness.before.integrated < -18
    assert done.loudness.after.integrated == pytest.approx(target, abs=0.5)
    assert done.loudness.after.peak <= -1.0
    assert media.join(clips, film).loudness is None


def test_what_sticks_out_is_limited(studio, tmp_path, caplog):
    peaky = voice(studio, "peaky", level=-2, on="0.05+0.95*lt(mod(t,0.5),0.02)")
    done = media.join(titled(peaky), tmp_path / "film.mp4", sound=JoinSound(loudness=-16, peak=-2))
    assert done.loudness.before.peak > -4
    assert done.loudness.after.peak <= -2.0
    assert done.loudness.after.integrated > done.loudness.before.integrated
    got = f"got {done.loudness.after.integrated:.1f} LUFS and {done.loudness.after.peak:.1f} dBTP"
    assert caplog.messages == [f"asked for -16.0 LUFS under a peak of -2.0 dBTP, {got}"]


def test_silence_stays_silent(studio, tmp_path):
    done = media.join(
        titled(voice(studio, "voiceless", level=-120)), tmp_path / "film.mp4", sound=JoinSound(loudness=-16)
    )
    assert (done.loudness.before.integrated, done.loudness.after.integrated) == (-70, -70)


@pytest.fixture
def tune(studio):
    return studio.file("tune.wav", "-f", "lavfi", "-i", "sine=2000:d=2:r=48000", "-af", "volume=-6dB")


def high(values, begin, end):
    """How much of the music's 2 kHz there is, in dB."""
    part = values[int(begin * 48_000) : int(end * 48_000)]
    angle = 2 * math.pi * 2000 / 48_000
    x = sum(value * math.cos(angle * i) for i, value in enumerate(part)) / len(part)
    y = sum(value * math.sin(angle * i) for i, value in enumerate(part)) / len(part)
    return 20 * math.log10(math.hypot(x, y) / 32768 + 1e-9)


@pytest.mark.slow
def test_music_goes_down_while_there_is_speech(studio, tmp_path, tune, sample_values):
    clip = voice(studio, "speech", level=-20, seconds=6, on="between(t,2,4)")
    level = {}
    for duck in (0.0, 9.0):
        film = tmp_path / f"{duck}.mp4"
        media.join(titled(clip), film, sound=JoinSound(music=tune, duck=duck, fade_out=0.0))
        values = sample_values(film)
        level[duck] = [high(values, *span) for span in ((1.0, 1.9), (2.5, 3.9), (5.2, 5.9))]
    assert level[0.0] == [pytest.approx(level[0.0][0], abs=0.5)] * 3
    before, under, after = level[9.0]
    assert before == pytest.approx(after, abs=0.7)
    assert before - under == pytest.approx(9.0, abs=2.5)


@pytest.mark.slow
def test_music_fades_out_and_lies_where_asked(studio, tmp_path, tune, sample_values):
    clip = voice(studio, "steady", level=-20, seconds=5)
    level = {}
    for gain in (-12.0, -20.0):
        film = tmp_path / "film.mp4"
        media.join(titled(clip), film, sound=JoinSound(music=tune, music_gain=gain, duck=0.0, fade_out=1.0))
        values = sample_values(film)
        level[gain] = high(values, 1.0, 3.0)
        assert high(values, 4.9, 5.0) < level[gain] - 10
        assert high(values, 3.5, 3.9) == pytest.approx(level[gain], abs=1)
    assert level[-12.0] - level[-20.0] == pytest.approx(8, abs=0.5)


def test_music_that_is_a_picture_is_refused(studio, tmp_path):
    clip = voice(studio, "soft", level=-30)
    picture = studio.clip("flat_mute", frames=5, audio=False)
    with pytest.raises(MediaError, match="asked for music"):
        media.join(titled(clip), tmp_path / "film.mp4", sound=JoinSound(music=picture))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("second", "rate"), [("agree_44", 44_100), ("agree_48", 48_000)])
def test_the_film_has_the_rate_that_all_clips_have(studio, tmp_path, second, rate):
    clips = [
        studio.clip("agree_44", frames=37, size="64x64"),
        studio.clip(second, frames=37, size="64x64", hz=44_100 if rate == 44_100 else 48_000),
    ]
    film = tmp_path / "film.mp4"
    media.join([JoinClip(clip, "x") for clip in clips], film)
    sound = media.probe(film).audio
    assert sound is not None
    assert sound.rate == rate
    assert sound.seconds == pytest.approx(74 / 24, abs=1 / rate)


@pytest.mark.parametrize("rate", [44_100, 48_000])
@pytest.mark.parametrize("make", ["plain", "stereo-48", "short-sound", "edited"])
def test_frames_resampled_together_give_the_same_samples(studio, monkeypatch, make, rate):
    import av

    def samples(batch):
        monkeypatch.setattr(decoding, "BATCH", batch)
        with av.open(str(studio.make(make))) as container:
            return decoding.decode(container, channels=1, rate=rate, most=3 * rate)

    assert len(samples(1).samples) > rate
    assert samples(32) == samples(1)
