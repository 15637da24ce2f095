from __future__ import annotations

import pytest

from longtake import media
from longtake.errors import MediaError
from longtake.media import TRANSITIONS, ColorCorrection, JoinClip, JoinTransition

BRIGHTER = ColorCorrection(gain=1.0, pivot=128.0, shift=12.0, saturation=1.0, blue=0.0, red=0.0)


def plain(studio, name, color):
    source = ("-f", "lavfi", "-i", f"color=c={color}:s=64x64:r=24", "-frames:v", "24")
    return studio.file(f"{name}.mp4", *source, "-c:v", "libx264", "-pix_fmt", "yuv420p", "-bf", "0")


@pytest.fixture
def pair(studio):
    return plain(studio, "dark", "0x202020"), plain(studio, "bright", "0xd0d0d0")


def lumas(path):
    import av

    with av.open(str(path)) as container:
        found = []
        for frame in container.decode(video=0):
            plane = frame.planes[0]
            rows = [bytes(plane)[row * plane.line_size : row * plane.line_size + 64] for row in range(64)]
            found.append([sum(row) / 64 for row in rows])
        return found


def mean(rows):
    return sum(rows) / len(rows)


@pytest.mark.parametrize("kind", sorted(set(TRANSITIONS) - {"cut"}))
def test_every_transition_goes_from_the_old_picture_to_the_new(pair, tmp_path, kind):
    film = tmp_path / "film.mp4"
    clips = [JoinClip(pair[0], "a"), JoinClip(pair[1], "b", JoinTransition(kind, 0.5))]
    done = media.join(clips, film)
    got = [mean(rows) for rows in lumas(film)]
    before, after = mean(lumas(pair[0])[0]), mean(lumas(pair[1])[0])
    assert done.frames == len(got) == 36
    assert got[:12] == [pytest.approx(before, abs=2)] * 12
    assert got[24:] == [pytest.approx(after, abs=2)] * 12
    middle = got[18]
    if kind == "fade-black":
        assert min(got) < before - 10
    elif kind == "fade-white":
        assert max(got) > after + 10
    elif kind != "pixelize":
        assert before + 10 < middle < after - 10


def test_a_wipe_has_a_direction(pair, tmp_path):
    film = tmp_path / "film.mp4"
    media.join([JoinClip(pair[0], "a"), JoinClip(pair[1], "b", JoinTransition("wipe-down", 0.5))], film)
    rows = lumas(film)[18]
    assert rows[2] > rows[-3] + 50


@pytest.mark.parametrize("transition", [JoinTransition("cut", 0.5), JoinTransition("dissolve", 0.0), None])
def test_a_cut_shares_nothing(pair, tmp_path, transition):
    done = media.join([JoinClip(pair[0], "a"), JoinClip(pair[1], "b", transition)], tmp_path / "film.mp4")
    assert (done.frames, done.way) == (48, "copy")


def test_an_unknown_transition_names_the_known(pair, tmp_path):
    with pytest.raises(MediaError, match="there is no transition 'star-wipe'") as caught:
        media.join([JoinClip(pair[0], "a"), JoinClip(pair[1], "b", JoinTransition("star-wipe"))], tmp_path / "film.mp4")
    assert "fade-black" in caught.value.next_step
    assert list(tmp_path.iterdir()) == []


def test_a_first_transition_counts_for_nothing(pair, tmp_path):
    done = media.join([JoinClip(pair[0], "a", JoinTransition("nonsense", 99))], tmp_path / "film.mp4")
    assert (done.frames, done.way) == (24, "copy")


def test_a_corrected_clip_is_encoded_alone_and_looks_it(pair, tmp_path, hashes):
    film = tmp_path / "film.mp4"
    clips = [JoinClip(pair[0], "a"), JoinClip(pair[0], "b", correction=BRIGHTER), JoinClip(pair[1], "c")]
    done = media.join(clips, film)
    assert [row.what for row in done.plan.rows if row.part == "clip"] == ["copy", "encode", "copy"]
    got = [mean(rows) for rows in lumas(film)]
    assert got[24:48] == [pytest.approx(got[0] + 11, abs=2)] * 24
    assert hashes(film)[:24] + hashes(film)[48:] == hashes(pair[0]) + hashes(pair[1])


def test_a_correction_holds_under_a_transition(pair, tmp_path):
    film = tmp_path / "film.mp4"
    clips = [JoinClip(pair[0], "a"), JoinClip(pair[0], "b", JoinTransition("crossfade", 0.5), correction=BRIGHTER)]
    media.join(clips, film)
    got = [mean(rows) for rows in lumas(film)]
    assert got[24:] == [pytest.approx(got[0] + 11, abs=2)] * 12
