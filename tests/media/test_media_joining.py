from __future__ import annotations

import os
from fractions import Fraction
from itertools import pairwise

import pytest

from longtake import media
from longtake.errors import FfmpegError, MediaError
from longtake.media import JoinClip, JoinSound, JoinTransition

ONE_PACKET = 0.021
"""Seconds of one AAC packet at 48 kHz: the most sound and picture may be apart."""


def chapters(path):
    """Start and end in seconds, exactly, and the title of each chapter in a file."""
    import av

    with av.open(str(path)) as container:
        return [
            (one["start"] * one["time_base"], one["end"] * one["time_base"], one["metadata"]["title"])
            for one in container.chapters()
        ]


def titled(*paths, **fades):
    def fade(path):
        return JoinTransition("crossfade", fades[path.stem]) if path.stem in fades else None

    return [JoinClip(path, path.stem, fade(path)) for path in paths]


@pytest.fixture
def trio(studio):
    return [
        studio.clip("one", frames=49, pattern=0),
        studio.clip("two", frames=97, pattern=1),
        studio.clip("three", frames=50, pattern=2),
    ]


def test_copied_clips_keep_every_frame(trio, tmp_path, hashes, times):
    film = tmp_path / "film.mp4"
    done = media.join(titled(*trio), film)
    assert (done.frames, done.way, done.seconds) == (196, "copy", pytest.approx(196 / 24))
    assert hashes(film) == [one for clip in trio for one in hashes(clip)]
    assert times(film) == [Fraction(frame, 24) for frame in range(196)]
    facts = media.probe(film)
    assert (facts.frames, facts.fps) == (196, 24)
    assert [path.name for path in tmp_path.iterdir()] == ["film.mp4"]


def test_sound_stays_with_the_picture_over_many_joints(trio, tmp_path, heard):
    film = tmp_path / "film.mp4"
    clips = titled(*trio) * 7
    media.join(clips, film)
    begins, at = [], 0
    for clip in clips:
        begins.append(at / 24 + 1.0)
        at += media.probe(clip.path).frames
    found = heard(film)
    assert len(found) == len(begins)
    assert max(abs(a - b) for a, b in zip(found, begins, strict=True)) < ONE_PACKET / 10
    assert media.probe(film).audio.seconds == pytest.approx(at / 24, abs=ONE_PACKET)


def test_a_clip_without_sound_is_silent_among_others(studio, tmp_path, heard):
    silent = studio.clip("mute", frames=49, pattern=3, audio=False)
    clip = studio.clip("one")
    film = tmp_path / "film.mp4"
    media.join(titled(clip, silent, clip), film)
    assert heard(film) == [pytest.approx(1.0, abs=ONE_PACKET), pytest.approx(98 / 24 + 1.0, abs=ONE_PACKET)]


def test_clips_without_sound_make_a_film_without(studio, tmp_path):
    silent = studio.clip("mute", frames=49, pattern=3, audio=False)
    media.join(titled(silent, silent), tmp_path / "film.mp4")
    assert media.probe(tmp_path / "film.mp4").audio is None


def test_sound_that_begins_late_or_ends_early_is_placed(studio, tmp_path, heard):
    source = str(studio.clip("one"))
    late = studio.file(
        "late.mp4", "-i", source, "-itsoffset", "0.5", "-i", source, "-map", "0:v", "-map", "1:a", "-c", "copy"
    )
    short = studio.file("short.mp4", "-i", source, "-c:v", "copy", "-af", "atrim=end=1.1", "-c:a", "aac")
    film = tmp_path / "film.mp4"
    media.join(titled(late, short, late), film)
    expected = [1.5, 49 / 24 + 1.0, 98 / 24 + 1.5]
    assert heard(film) == [pytest.approx(at, abs=ONE_PACKET) for at in expected]


def test_one_stereo_clip_makes_the_film_stereo(studio, tmp_path):
    stereo = studio.clip("wide", channels=2)
    media.join(titled(studio.clip("one"), stereo), tmp_path / "film.mp4")
    assert media.probe(tmp_path / "film.mp4").audio.channels == 2


def test_equal_clips_make_equal_bytes(trio, tmp_path):
    for name in ("1.mp4", "2.mp4"):
        media.join(titled(*trio, two=0.5), tmp_path / name, sound=JoinSound(loudness=-20))
    assert (tmp_path / "1.mp4").read_bytes() == (tmp_path / "2.mp4").read_bytes()
    assert b"Lav" not in (tmp_path / "1.mp4").read_bytes().split(b"mdat")[0]


def test_the_index_is_before_the_media(trio, tmp_path):
    media.join(titled(*trio), tmp_path / "film.mp4")
    data = (tmp_path / "film.mp4").read_bytes()
    at, order = 0, []
    while at < len(data):
        order.append(data[at + 4 : at + 8])
        at += int.from_bytes(data[at : at + 4], "big")
    assert order.index(b"moov") < order.index(b"mdat")


def test_every_clip_is_a_chapter(trio, tmp_path):
    film = tmp_path / "film.mp4"
    done = media.join(titled(*trio), film)
    assert [one.title for one in done.chapters] == ["one", "two", "three"]
    assert [one.start for one in done.chapters] == [pytest.approx(frame / 24) for frame in (0, 49, 146)]
    cuts = [Fraction(frame, 24) for frame in (0, 49, 146, 196)]
    assert chapters(film) == [
        (*edges, title) for edges, title in zip(pairwise(cuts), ("one", "two", "three"), strict=True)
    ]
    assert all(before.end == after.start for before, after in pairwise(done.chapters))


def test_chapters_of_an_ntsc_film_start_on_their_frame(studio, tmp_path):
    clip = studio.clip("ntsc", rate="24000/1001")
    media.join([JoinClip(clip, "one"), JoinClip(clip, "two")], tmp_path / "film.mp4")
    assert [start for start, _, _ in chapters(tmp_path / "film.mp4")] == [0, 49 * Fraction(1001, 24000)]


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("a=b;c#d\\e'f\"g", "a=b;c#d\\e'f\"g"),
        ("[CHAPTER]\nSTART=0\ntitle=x", "[CHAPTER] START=0 title=x"),
        ("\x00\x1b[31m\u202enul", "[31m nul"),
        ("\ud800", ""),
        ("Größe 🎬", "Größe 🎬"),
        ("é" * 300, "é" * 127),
        ("", ""),
    ],
)
def test_hostile_titles_are_text(studio, tmp_path, title, shown):
    film = tmp_path / "film.mp4"
    done = media.join([JoinClip(studio.clip("one"), title), JoinClip(studio.clip("one"), "after")], film)
    assert [found.strip() for _, _, found in chapters(film)] == [shown, "after"]
    assert done.chapters[0].title == title


def test_a_clip_of_another_size_and_rate_is_encoded_alone(trio, studio, tmp_path, hashes, times):
    odd = studio.clip("odd", frames=45, pattern=3, size="200x120", rate=30, options=("-bf", "0"))
    film = tmp_path / "film.mp4"
    done = media.join(titled(trio[0], odd, trio[1]), film)
    assert (done.frames, done.way) == (49 + 36 + 97, "encode")
    got = hashes(film)
    assert got[:49] == hashes(trio[0])
    assert got[-97:] == hashes(trio[1])
    assert times(film) == [Fraction(frame, 24) for frame in range(182)]
    facts = media.probe(film)
    assert (facts.width, facts.height) == (160, 120)


def test_an_odd_clip_may_come_first(trio, studio, tmp_path, hashes):
    odd = studio.clip("tall", frames=20, pattern=3, size="120x160")
    film = tmp_path / "film.mp4"
    media.join(titled(odd, *trio), film)
    assert hashes(film)[20:] == [one for clip in trio for one in hashes(clip)]


def test_the_same_picture_in_other_settings_is_encoded_to_look_the_same(trio, studio, tmp_path):
    import av

    twin = studio.clip("twin", frames=49, options=("-bf", "0", "-refs", "1", "-crf", "5"))
    assert media.probe(twin).extradata_sha256 != media.probe(trio[0]).extradata_sha256
    film = tmp_path / "film.mp4"
    media.join(titled(trio[1], twin), film)
    with av.open(str(film)) as joined, av.open(str(twin)) as alone:
        got = list(joined.decode(video=0))[97:]
        for one, other in zip(got, alone.decode(video=0), strict=True):
            mine, theirs = bytes(one.planes[0]), bytes(other.planes[0])
            assert sum(abs(a - b) for a, b in zip(mine, theirs, strict=True)) / len(mine) < 2


def test_clips_with_other_reordering_stay_in_order(studio, tmp_path, times, hashes):
    flat = studio.clip("flat", frames=25, options=("-bf", "0"))
    deep = studio.clip("deep", frames=25, pattern=1, options=("-bf", "5", "-b_strategy", "0"))
    for order in ((flat, deep, flat), (deep, flat, deep)):
        film = tmp_path / "film.mp4"
        media.join(titled(*order), film)
        assert times(film) == [Fraction(frame, 24) for frame in range(75)]
        assert len(hashes(film)) == 75


@pytest.mark.parametrize("codec", ["libx264rgb", "mpeg4"])
def test_clips_that_cannot_share_a_track_are_all_encoded(studio, tmp_path, codec):
    source = ("-f", "lavfi", "-i", "testsrc2=s=64x64:r=24", "-frames:v", "30", "-c:v", codec)
    other = studio.file(f"{codec}.mp4", *source)
    done = media.join(titled(other, studio.clip("small", frames=10, size="64x48")), tmp_path / "film.mp4")
    facts = media.probe(tmp_path / "film.mp4")
    assert (done.way, facts.codec, facts.pix_fmt, facts.frames) == ("encode", "h264", "yuv420p", 40)
    assert media.check_clip(tmp_path / "film.mp4").frames == 40


def test_hevc_clips_are_copied_and_tagged_for_every_player(studio, tmp_path, hashes):
    source = ("-f", "lavfi", "-i", "testsrc2=s=64x64:r=24", "-frames:v", "25", "-c:v", "libx265", "-tag:v", "hvc1")
    clip = studio.file("hevc.mp4", *source, "-pix_fmt", "yuv420p10le", "-x265-params", "log-level=error")
    done = media.join(titled(clip, clip), tmp_path / "film.mp4")
    assert done.way == "copy"
    assert hashes(tmp_path / "film.mp4") == hashes(clip) * 2
    assert b"hvc1" in (tmp_path / "film.mp4").read_bytes()


def test_a_crossfade_overlaps_and_leaves_the_rest_alone(trio, tmp_path, hashes, times):
    film = tmp_path / "film.mp4"
    done = media.join(titled(*trio, two=0.5, three=0.25), film)
    assert (done.frames, done.way) == (196 - 12 - 6, "encode")
    assert times(film) == [Fraction(frame, 24) for frame in range(178)]
    copied = hashes(trio[0])[:30]
    assert hashes(film)[:30] == copied
    assert [one.start for one in done.chapters] == [pytest.approx(frame / 24) for frame in (0, 37, 128)]


def test_a_crossfade_goes_from_the_old_picture_to_the_new(studio, tmp_path):
    import av

    def plain(name, color):
        source = ("-f", "lavfi", "-i", f"color=c={color}:s=64x64:r=24", "-frames:v", "24")
        return studio.file(name, *source, "-c:v", "libx264", "-pix_fmt", "yuv420p")

    film = tmp_path / "film.mp4"
    done = media.join(titled(plain("black.mp4", "black"), plain("white.mp4", "white"), white=0.5), film)
    with av.open(str(film)) as container:
        levels = [bytes(frame.planes[0])[0] for frame in container.decode(video=0)]
    assert len(levels) == done.frames == 36
    assert levels[:12] == [pytest.approx(16, abs=2)] * 12
    assert levels[24:] == [pytest.approx(235, abs=2)] * 12
    assert levels[11:25] == sorted(levels[11:25])
    assert levels[18] == pytest.approx(125, abs=15)


def test_sound_crossfades_with_the_picture(trio, tmp_path, heard):
    film = tmp_path / "film.mp4"
    media.join(titled(*trio, two=0.5, three=0.25), film)
    expected = [1.0, 37 / 24 + 1.0, 128 / 24 + 1.0]
    assert heard(film) == [pytest.approx(at, abs=ONE_PACKET / 10) for at in expected]


@pytest.mark.parametrize(
    ("seconds", "words"), [(2.5, "its transitions need 60"), (-1, "allowed: 0 to 5"), (9, "allowed: 0 to 5")]
)
def test_a_crossfade_must_fit(trio, tmp_path, seconds, words):
    with pytest.raises(MediaError, match=words):
        media.join(titled(trio[0], trio[2], three=seconds), tmp_path / "film.mp4")
    assert list(tmp_path.iterdir()) == []


def test_a_cut_does_not_click(studio, tmp_path, sample_values):
    source = ("-f", "lavfi", "-i", "testsrc2=s=64x64:r=24", "-f", "lavfi", "-i", "aevalsrc=0.5*cos(2*PI*50*t):s=48000")
    hum = studio.file("hum.mp4", *source, "-t", "1.0417", "-c:v", "libx264", "-c:a", "aac")
    film = tmp_path / "film.mp4"
    media.join(titled(hum, studio.clip("still", frames=25, size="64x64", audio=False)), film)
    at = media.probe(hum).frames * 2000
    values = sample_values(film)
    assert max(abs(value) for value in values[at - 4800 : at - 480]) > 10_000
    assert max(abs(after - before) for before, after in pairwise(values[at - 960 : at + 960])) < 800


def loudness_of(path):
    from longtake.media import ffmpeg

    args = ["-i", ffmpeg.file_url(path), "-af", "ebur128", "-f", "null", "-"]
    return float(ffmpeg.run(args, level="info").rpartition("I:")[2].split()[0])


@pytest.fixture
def tone(studio):
    return studio.file("tone.wav", "-f", "lavfi", "-i", "sine=300", "-af", "volume=-20dB", "-t", "1.5")


def test_the_film_is_as_loud_as_asked(studio, tmp_path):
    source = ("-f", "lavfi", "-i", "testsrc2=s=64x64:r=24", "-f", "lavfi", "-i", "anoisesrc=c=pink:seed=1:a=0.1")
    noisy = studio.file("noisy.mp4", *source, "-t", "3", "-c:v", "libx264", "-c:a", "aac")
    for wanted in (-16, -27):
        media.join(titled(noisy), tmp_path / "film.mp4", sound=JoinSound(loudness=wanted))
        assert loudness_of(tmp_path / "film.mp4") == pytest.approx(wanted, abs=1)


def test_music_is_repeated_to_the_end_of_a_silent_film(studio, tmp_path, tone, sample_values):
    silent = studio.clip("mute", frames=49, pattern=3, audio=False)
    film = tmp_path / "film.mp4"
    done = media.join(titled(silent, silent, silent), film, sound=JoinSound(music=tone))
    assert done.way == "copy"
    assert media.probe(film).audio.seconds == pytest.approx(147 / 24, abs=ONE_PACKET)
    values = sample_values(film)
    parts = [max(abs(value) for value in values[at : at + 4800]) for at in range(0, 4 * 48_000, 4800)]
    assert min(parts) > 1000
    assert max(abs(value) for value in values[147 * 2000 - 240 :]) < min(parts) / 4


def test_music_lies_under_the_clips(studio, tmp_path, tone, heard):
    film = tmp_path / "film.mp4"
    clip = studio.clip("one")
    media.join(titled(clip, clip), film, sound=JoinSound(music=tone, loudness=-23))
    found = heard(film, threshold=6000)
    assert found == [pytest.approx(1.0, abs=ONE_PACKET), pytest.approx(49 / 24 + 1.0, abs=ONE_PACKET)]


def test_music_must_be_a_sound(studio, trio, tmp_path):
    picture = studio.file("a.png", "-f", "lavfi", "-i", "testsrc2=s=322x240", "-frames:v", "1")
    with pytest.raises(MediaError, match=r"a\.png: asked for music"):
        media.join(titled(*trio), tmp_path / "film.mp4", sound=JoinSound(music=picture))
    assert list(tmp_path.iterdir()) == []


def test_progress_grows_to_one(trio, tmp_path):
    seen = []
    media.join(titled(*trio, two=0.25), tmp_path / "film.mp4", on_progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
    assert all(0 <= share <= 1 for share in seen)


@pytest.mark.parametrize("after", [0.0, 0.85, 0.95])
def test_what_progress_raises_ends_the_join_and_leaves_nothing(trio, tmp_path, offspring, after):
    before = offspring()

    def stop(share):
        if share >= after:
            raise KeyError("stop")

    with pytest.raises(KeyError, match="stop"):
        media.join(titled(*trio, two=0.25), tmp_path / "film.mp4", on_progress=stop)
    assert list(tmp_path.iterdir()) == []
    assert offspring() == before


def test_a_failed_join_keeps_the_film_of_before(trio, tmp_path):
    film = tmp_path / "film.mp4"
    film.write_bytes(b"before")
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(trio[0].read_bytes()[:5000])
    with pytest.raises(MediaError, match=r"broken\.mp4"):
        media.join(titled(trio[0], broken), film)
    assert film.read_bytes() == b"before"


def test_no_clips_and_no_videos_are_refused(studio, tmp_path, tone):
    with pytest.raises(MediaError, match="at least one clip"):
        media.join([], tmp_path / "film.mp4")
    with pytest.raises(MediaError, match=r"tone\.wav: expected a clip, got WAV"):
        media.join(titled(tone), tmp_path / "film.mp4")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")  # noqa: PTH110 - a device
def test_a_full_disk_is_said_so(trio):
    from pathlib import Path

    from longtake.media.concat import muxing
    from longtake.media.streams.probing import look

    found = look(trio[0])
    with pytest.raises(FfmpegError, match="the film cannot be written: No space left"):
        muxing.mux(
            [muxing.Stretch(trio[0], found.index, 0, 49)],
            Path("/dev/full"),
            template=trio[0],
            extradata=None,
            fps=Fraction(24),
            sound=None,
            labels=muxing.Labels("", "", ()),
            progress=lambda _share: None,
        )
