"""A notice is drawn into the first frames of a film, letter for letter; all other frames stay as they are coded."""

from __future__ import annotations

import pytest

from longtake import media
from longtake.errors import PreflightError
from longtake.media import JoinClip, JoinNotice, JoinTransition, ffmpeg

SIZE = (320, 192)
GROUPS = {"size": "320x192", "options": ("-g", "12", "-bf", "2")}


def notice(text="Made with AI", corner="bottom-right", seconds=0.5):
    return JoinNotice(text, corner, seconds)


def grays(film, folder):
    out = folder / f"{film.stem}.raw"
    ffmpeg.run(["-i", ffmpeg.file_url(film), "-map", "0:v", "-pix_fmt", "gray", "-f", "rawvideo", ffmpeg.file_url(out)])
    data, size = out.read_bytes(), SIZE[0] * SIZE[1]
    return [data[at : at + size] for at in range(0, len(data), size)]


def changed(one, other):
    """Where two frames differ visibly: x and y."""
    return [(at % SIZE[0], at // SIZE[0]) for at in range(len(one)) if abs(one[at] - other[at]) > 60]


def both(clips, folder, **options):
    """The film with a notice and without, and their frames."""
    plain, shown = folder / "plain.mp4", folder / "shown.mp4"
    media.join(clips, plain)
    done = media.join(clips, shown, **options)
    return done, grays(plain, folder), grays(shown, folder), (plain, shown)


@pytest.mark.parametrize("corner", ["top-left", "top-right", "bottom-left", "bottom-right"])
def test_a_notice_is_in_its_corner_for_its_seconds(studio, tmp_path, hashes, corner):
    clips = [JoinClip(studio.clip(f"notice-{n}", pattern=n, **GROUPS), f"{n}") for n in (0, 2)]
    done, plain, shown, (old, new) = both(clips, tmp_path, notice=notice(corner=corner))
    places = changed(plain[3], shown[3])
    assert len(places) > 50
    up, left = corner.split("-")
    assert all((y < SIZE[1] / 4) == (up == "top") and (y > 3 * SIZE[1] / 4) == (up == "bottom") for _, y in places)
    assert all((x < SIZE[0] / 2) == (left == "left") for x, _ in places)
    assert len(changed(plain[11], shown[11])) > 50
    assert not changed(plain[12], shown[12]), "half a second is over"
    row = done.plan.rows[0]
    assert (row.encoded, done.plan.encoded) == (12, 12), "up to the next key frame"
    assert "a notice is drawn into its first 12 frames" in row.why
    assert hashes(new)[12:] == hashes(old)[12:], "all other frames are copies"
    assert media.plan_join(clips, notice=notice(corner=corner)) == done.plan


def test_a_longer_notice_ends_with_the_first_clip(studio, tmp_path):
    fade = JoinTransition("crossfade", 0.25)
    one, two = (studio.clip(f"notice-{n}", pattern=n, **GROUPS) for n in range(2))
    done, plain, shown, _ = both([JoinClip(one, "a"), JoinClip(two, "b", fade)], tmp_path, notice=notice(seconds=60))
    alone = media.probe(one).frames - 6
    assert len(changed(plain[alone - 1], shown[alone - 1])) > 50
    assert not changed(plain[alone + 6], shown[alone + 6])
    assert done.frames == len(plain) == len(shown)


def test_a_film_that_is_encoded_anyway_has_its_notice(studio, tmp_path):
    one = studio.clip("notice-0", pattern=0, **GROUPS)
    other = studio.clip("notice-rate", pattern=1, size="320x192", options=("-g", "12", "-pix_fmt", "yuv422p"))
    done, plain, shown, _ = both([JoinClip(other, "a"), JoinClip(one, "b")], tmp_path, notice=notice())
    assert len(changed(plain[3], shown[3])) > 50
    assert done.frames == len(shown)


@pytest.mark.parametrize("text", [r"{\an5\fs60}big", "a' : [x], y=1; % {x} \\ \\N", "%{metadata:title} ${HOME}"])
def test_the_text_is_literal(studio, tmp_path, text):
    clips = [JoinClip(studio.clip("notice-0", pattern=0, **GROUPS), "a")]
    _, plain, shown, _ = both(clips, tmp_path, notice=notice(text))
    places = changed(plain[3], shown[3])
    assert len(places) > 50
    assert min(y for _, y in places) > 3 * SIZE[1] / 4, "in one line at the foot, whatever it says"


def test_equal_inputs_give_equal_bytes(studio, tmp_path):
    clips = [JoinClip(studio.clip("notice-0", pattern=0, **GROUPS), "a")]
    films = [tmp_path / f"{n}.mp4" for n in range(2)]
    for film in films:
        media.join(clips, film, notice=notice())
    assert films[0].read_bytes() == films[1].read_bytes()


def test_a_notice_that_no_font_has_is_refused_before_the_join(studio, tmp_path):
    clips = [JoinClip(studio.clip("notice-0", pattern=0, **GROUPS), "a")]
    with pytest.raises(PreflightError, match="no font"):
        media.join(clips, tmp_path / "film.mp4", notice=notice("\U00013000"))
    assert not (tmp_path / "film.mp4").exists()


@pytest.mark.slow
@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_notice_stands_upright_in_a_film_that_players_turn(studio, tmp_path, degrees):
    plain = studio.clip("notice-0", pattern=0, **GROUPS)
    turned = studio.file(
        f"notice-turned-{degrees}.mp4", "-display_rotation", str(degrees), "-i", ffmpeg.file_url(plain), "-c", "copy"
    )
    clips = [JoinClip(turned, "a"), JoinClip(turned, "b")]
    _, old, new, films = both(clips, tmp_path, notice=notice(corner="top-left"))
    facts = media.probe(films[1])
    assert facts.rotation == media.probe(turned).rotation
    width, height, _ = facts.shown
    places = [
        (at % width, at // width) for at in range(len(old[3])) if abs(old[3][at] - new[3][at]) > 60
    ]  # ffmpeg turns the frames as a player does
    assert len(places) > 50
    assert all(x < width / 2 and y < height / 4 for x, y in places)
    assert max(x for x, _ in places) > 3 * max(y for _, y in places) / 2, "the line runs from left to right"
