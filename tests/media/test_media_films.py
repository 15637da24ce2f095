"""Any film: as many frames as planned, in order, copied ones unchanged, sound in its place, and never half a file."""

from __future__ import annotations

import hashlib
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from longtake import media
from longtake.errors import FfmpegError
from longtake.media import ColorCorrection, JoinClip, JoinSound, JoinTransition, ffmpeg

KINDS = ("bent", "flat", "groups", "odd", "hevc", "hevc-flat", "mute")
WARM = ColorCorrection(1.0, 128.0, 0.0, 1.0, 0.0, 4.0)
PHASE = 0.005
"""Seconds that sound may be off its picture."""


def make(studio, kind, number):
    if kind.startswith("hevc"):
        coding = "log-level=error" + (":bframes=0:keyint=9" if kind == "hevc-flat" else "")
        source = ("-f", "lavfi", "-i", f"testsrc2=s=64x64:r=24:d={(20 + number) / 24}", "-c:v", "libx265")
        quick = ("-tag:v", "hvc1", "-preset", "ultrafast", "-x265-params", coding)
        return studio.file(f"any_{kind}{number}.mp4", *source, *quick, "-pix_fmt", "yuv420p10le")
    options = {
        "bent": ("-bf", "3", "-b_strategy", "0"),
        "flat": ("-bf", "0"),
        "groups": ("-g", "8", "-bf", "2"),
        "mute": ("-bf", "0", "-refs", "1"),
    }.get(kind, ())
    size, rate = ("96x64", 25) if kind == "odd" else ("64x64", 24)
    frames = 26 + 2 * number
    name = f"any_{kind}{number}"
    return studio.clip(
        name, frames=frames, pattern=number, size=size, rate=rate, audio=kind not in ("mute", "hevc"), options=options
    )


films = st.lists(
    st.tuples(
        st.sampled_from(KINDS),
        st.integers(0, 2),
        st.sampled_from([None, None, JoinTransition("crossfade", 0.125), JoinTransition("wipe-up", 0.25)]),
        st.booleans(),
        st.sampled_from([None, None, WARM]),
    ),
    min_size=1,
    max_size=6,
)


@pytest.mark.slow
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(wanted=films)
def test_any_film_is_what_its_plan_says(wanted, studio, tmp_path_factory, hashes, times):
    clips = [
        JoinClip(make(studio, kind, number), f"{i}", transition, continues=continues, correction=correction)
        for i, (kind, number, transition, continues, correction) in enumerate(wanted)
    ]
    film = tmp_path_factory.mktemp("any") / "film.mp4"
    planned = media.plan_join(clips)
    done = media.join(clips, film)
    assert done.plan == planned
    got = hashes(film)
    assert len(got) == done.frames == planned.frames == planned.copied + planned.encoded
    fps = media.probe(film).fps
    assert times(film) == [Fraction(frame) / fps for frame in range(done.frames)]
    kept = 0
    for clip, chapter in zip(clips, done.chapters, strict=True):
        at, own = round(chapter.start * fps), hashes(clip.path)
        kept += sum(a == b for a, b in zip(got[at : at + len(own)], own, strict=False))
    assert kept >= planned.copied
    if media.probe(film).audio:
        assert media.probe(film).audio.seconds == pytest.approx(done.seconds, abs=0.025)


@pytest.mark.slow
def test_frames_of_4k_are_copied_bit_for_bit(studio, tmp_path, hashes):
    def big(name, *options):
        source = ("-f", "lavfi", "-i", "testsrc2=s=3840x2160:r=24", "-frames:v", "8", "-pix_fmt", "yuv420p10le")
        return studio.file(
            f"{name}.mp4", *source, "-preset", "ultrafast", "-tag:v", "hvc1", "-c:v", "libx265", *options
        )

    one = big("k1", "-x265-params", "log-level=error")
    two = big("k2", "-x265-params", "log-level=error:bframes=0:keyint=4:open-gop=0")
    film = tmp_path / "film.mp4"
    done = media.join(
        [JoinClip(one, "a"), JoinClip(two, "b", JoinTransition("fade-white", 0.1)), JoinClip(one, "c")], film
    )
    got = hashes(film)
    assert (done.frames, media.probe(film).width, media.probe(film).pix_fmt) == (22, 3840, "yuv420p10le")
    assert got[-8:] == hashes(one)
    assert got[10:14] == hashes(two)[4:]


def test_hevc_films_have_equal_bytes_too(studio, tmp_path):
    clips = [JoinClip(make(studio, "hevc", n), "x", JoinTransition("dissolve", 0.25)) for n in (0, 1)]
    sums = set()
    for name in ("1.mp4", "2.mp4"):
        media.join(clips, tmp_path / name)
        sums.add(hashlib.sha256((tmp_path / name).read_bytes()).hexdigest())
    assert len(sums) == 1


def test_a_killed_ffmpeg_leaves_no_film(studio, tmp_path, monkeypatch):
    real = ffmpeg.binary()
    fatal = tmp_path / "ffmpeg"
    fatal.write_text(f'#!/bin/sh\ncase "$*" in *-progress*) kill -9 $$;; esac\nexec "{real}" "$@"\n')
    fatal.chmod(0o755)
    clips = [JoinClip(make(studio, "flat", n), "x", JoinTransition("dissolve", 0.25)) for n in (0, 1)]
    film = tmp_path / "film.mp4"
    monkeypatch.setenv("LONGTAKE_FFMPEG", str(fatal))
    with pytest.raises(FfmpegError):
        media.join(clips, film)
    assert [path.name for path in tmp_path.iterdir()] == ["ffmpeg"]


def test_what_progress_raises_is_never_taken_for_a_full_disk(studio, tmp_path):
    def hang_up(share):
        raise BrokenPipeError(f"at {share}")

    clips = [JoinClip(make(studio, "flat", 0), "x")]
    with pytest.raises(BrokenPipeError):
        media.join(clips, tmp_path / "film.mp4", on_progress=hang_up)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_said_so(studio, tmp_path):
    with pytest.raises(FfmpegError, match="the film cannot be written"):
        media.join([JoinClip(make(studio, "flat", 0), "x")], tmp_path / "none" / "film.mp4")


def test_what_ffmpeg_lacks_is_said_before_the_work(studio, tmp_path, monkeypatch):
    real = ffmpeg.binary()
    poor = tmp_path / "poor"
    poor.write_text(
        f'#!/bin/sh\ncase "$*" in *-filters*) "{real}" "$@" | grep -v ebur128;; *) exec "{real}" "$@";; esac\n'
    )
    poor.chmod(0o755)
    monkeypatch.setenv("LONGTAKE_FFMPEG", str(poor))
    with pytest.raises(FfmpegError, match="has no ebur128"):
        media.join([JoinClip(make(studio, "flat", 0), "x")], tmp_path / "film.mp4", sound=JoinSound(loudness=-16))


@pytest.mark.slow
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(
    wanted=st.lists(
        st.tuples(st.sampled_from(["bent", "flat", "groups"]), st.booleans(), st.booleans()), min_size=2, max_size=6
    )
)
def test_every_sound_of_any_film_is_where_its_picture_is(wanted, studio, tmp_path_factory, heard):
    options = {"bent": ("-bf", "3", "-b_strategy", "0"), "flat": ("-bf", "0"), "groups": ("-g", "8")}
    clips = [
        JoinClip(
            studio.clip(f"beeping-{kind}", size="64x64", options=options[kind]),
            f"{i}",
            JoinTransition("crossfade", 0.25) if blends else None,
            continues=continues,
        )
        for i, (kind, blends, continues) in enumerate(wanted)
    ]
    film = tmp_path_factory.mktemp("beeps") / "film.mp4"
    done = media.join(clips, film)
    assert heard(film) == [pytest.approx(chapter.start + 1.0, abs=PHASE) for chapter in done.chapters]
    assert ffmpeg.run(["-xerror", "-i", ffmpeg.file_url(film), "-f", "null", "-"], level="warning") == ""
