"""Shots that continue the one before: the frame both have is shown once."""

from __future__ import annotations

import pytest

from longtake import media
from longtake.media import JoinClip, JoinTransition

FLAT = ("-bf", "0")


def chain(*paths, **more):
    return [JoinClip(path, path.stem, continues=i > 0, **more) for i, path in enumerate(paths)]


def joints(plan):
    return [row for row in plan.rows if row.part == "joint"]


def test_the_last_frame_of_the_parent_is_cut_off(studio, tmp_path, hashes, heard):
    clips = [studio.clip(f"flat{i}", frames=49, pattern=i, options=FLAT) for i in (0, 1, 2)]
    film = tmp_path / "film.mp4"
    done = media.join(chain(*clips), film)
    assert (done.frames, done.way, done.dropped) == (48 + 48 + 49, "copy", 2)
    assert hashes(film) == hashes(clips[0])[:-1] + hashes(clips[1])[:-1] + hashes(clips[2])
    assert heard(film) == [pytest.approx(at / 24 + 1.0, abs=0.002) for at in (0, 48, 96)]
    assert [chapter.start for chapter in done.chapters] == [0, 2, 4]
    assert [row.what for row in joints(done.plan)] == ["cut, one dropped"] * 2


def test_only_what_leans_on_the_dropped_frame_is_encoded(studio, tmp_path, hashes):
    options = ("-bf", "3", "-b_strategy", "0", "-g", "250")
    clips = [studio.clip(f"bent{i}", frames=49, pattern=i, audio=False, options=options) for i in (0, 1)]
    film = tmp_path / "film.mp4"
    done = media.join(chain(*clips), film)
    assert (done.frames, done.way, done.dropped) == (97, "encode", 1)
    (joint,) = joints(done.plan)
    assert 0 < joint.encoded < 6
    assert "depend on it" in joint.why
    got = hashes(film)
    assert got[: 48 - joint.encoded] == hashes(clips[0])[: 48 - joint.encoded]
    assert got[48:] == hashes(clips[1])
    assert done.plan.encoded == joint.encoded


def test_hevc_tails_are_cut_too(studio, tmp_path, hashes):
    source = ("-f", "lavfi", "-i", "testsrc2=s=64x64:r=24", "-frames:v", "30", "-c:v", "libx265", "-tag:v", "hvc1")
    params = ("-pix_fmt", "yuv420p10le", "-x265-params", "log-level=error:bframes=4:b-adapt=0")
    clip = studio.file("tail.mp4", *source, *params)
    film = tmp_path / "film.mp4"
    done = media.join(chain(clip, clip), film)
    (joint,) = joints(done.plan)
    assert (media.probe(film).frames, media.probe(film).pix_fmt) == (59, "yuv420p10le")
    assert hashes(film)[29:] == hashes(clip)
    assert hashes(film)[: 29 - joint.encoded] == hashes(clip)[: 29 - joint.encoded]


def test_a_transition_covers_the_shared_frame(studio, tmp_path):
    clips = [studio.clip(f"flat{i}", frames=49, pattern=i, options=FLAT) for i in (0, 1)]
    done = media.join(chain(*clips, transition=JoinTransition("dissolve", 0.25)), tmp_path / "film.mp4")
    assert (done.frames, done.dropped) == (49 + 49 - 6, 0)


def test_a_clip_of_one_frame_stays(studio, tmp_path):
    single = studio.clip("single", frames=1, audio=False)
    other = studio.clip("flat_mute", frames=5, audio=False, options=FLAT)
    done = media.join(chain(single, other), tmp_path / "film.mp4")
    assert (done.frames, done.dropped) == (6, 0)


def test_an_odd_parent_is_encoded_without_its_last_frame(studio, tmp_path, hashes):
    odd = studio.clip("odd_parent", frames=20, size="64x64", audio=False)
    clip = studio.clip("flat_long", frames=49, audio=False, options=FLAT)
    film = tmp_path / "film.mp4"
    done = media.join(chain(odd, clip), film)
    assert (done.frames, done.dropped) == (19 + 49, 1)
    assert hashes(film)[19:] == hashes(clip)


@pytest.mark.parametrize("make", ["plain", "short-gops"])
def test_a_stored_tail_makes_the_same_film(studio, tmp_path, make):
    clip, tail = studio.make(make), tmp_path / "tail.mp4"
    media.examine(clip, tail=tail)
    assert 0 < media.probe(tail).frames < 6
    films = []
    for stored in (None, tail):
        film = tmp_path / "film.mp4"
        media.join([JoinClip(clip, "one", tail=stored), JoinClip(clip, "two", continues=True)], film)
        films.append(film.read_bytes())
    assert films[0] == films[1]


def test_the_tail_of_an_h265_clip_is_encoded_at_each_join(studio, tmp_path, hashes):
    clip, tail, film = studio.make("hevc-10-bit"), tmp_path / "tail.mp4", tmp_path / "film.mp4"
    media.examine(clip, tail=tail)
    assert not tail.exists()
    done = media.join([JoinClip(clip, "one"), JoinClip(clip, "two", continues=True)], film)
    frames = media.probe(clip).frames
    assert (done.frames, done.dropped) == (2 * frames - 1, 1)
    assert hashes(film)[frames - 1 :] == hashes(clip)


def test_a_stored_tail_is_shown_where_it_fits_and_left_out_where_it_does_not(studio, tmp_path, hashes):
    options = ("-bf", "3", "-b_strategy", "0", "-g", "250")
    clips = [studio.clip(f"bent{i}", frames=49, pattern=i, audio=False, options=options) for i in (0, 1)]
    tail, film = tmp_path / "tail.mp4", tmp_path / "film.mp4"
    media.examine(clips[1], tail=tail)
    frames = media.probe(tail).frames

    def joined(stored):
        parts = [JoinClip(clips[0], "one", tail=stored), JoinClip(clips[1], "two", continues=True)]
        assert media.join(parts, film).frames == 97
        return hashes(film)

    alone, shown = joined(None), joined(tail)
    assert shown[48 - frames : 48] == hashes(tail) != alone[48 - frames : 48]
    assert shown[: 48 - frames] + shown[48:] == alone[: 48 - frames] + alone[48:]
    (tmp_path / "broken.mp4").write_bytes(tail.read_bytes()[:200])
    for misfit in (tmp_path / "none.mp4", tmp_path / "broken.mp4", clips[1]):
        assert joined(misfit) == alone


def test_a_clip_without_b_frames_has_no_tail(studio, tmp_path):
    media.examine(studio.clip("flat0", frames=49, options=FLAT), tail=tmp_path / "tail.mp4")
    assert not (tmp_path / "tail.mp4").exists()
