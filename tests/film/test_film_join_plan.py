"""`longtake plan --join`: what the join would copy and encode, without joining anything."""

from __future__ import annotations

import pytest


@pytest.fixture
def small(studio, write_board):
    text = write_board("one: Waves, two: A boat", "three: A gull", sound="sound: {loudness: -20}")
    path = studio.folder / "board.yaml"
    path.write_text(text)
    return path, text


def test_each_clip_and_joint_of_a_whole_film_is_explained(studio, small, longtake):
    path, text = small
    studio.run(text)
    there = studio.listed()
    code, said, _ = longtake(studio, "plan", path, "--join")
    rows = said["join"]["rows"]
    assert (code, said["film"], said["missing"]) == (0, "a-small-film", [])
    assert [(row["part"], row["number"], row["what"]) for row in rows if row["part"] != "joint"] == [
        ("clip", 1, "copy"),
        ("clip", 2, "copy"),
        ("clip", 3, "copy"),
        ("sound", 1, "encode"),
    ]
    assert [row["title"] for row in rows if row["part"] == "clip"] == ["s0/one", "s0/two", "s1/three"]
    assert all(row["why"] for row in rows)
    assert "-20 LUFS" in rows[-1]["why"]
    assert said["join"]["frames"] == said["join"]["copied"] + said["join"]["encoded"] == 26
    code, text, _ = longtake(studio, "plan", path, "--join", as_json=False)
    assert code == 0
    assert "the frame both clips share is shown once" in text
    assert text.splitlines()[0].startswith("26 frames of h264 yuv420p 64x48 at 24/s")
    assert studio.listed() == there


def test_what_lacks_a_take_is_named(studio, small, longtake, write_board):
    path, text = small
    code, said, _ = longtake(studio, "plan", path, "--join")
    assert (code, said["missing"], said["join"]) == (0, ["s0/one", "s0/two", "s1/three"], None)
    studio.run(text)
    path.write_text(write_board("one: Waves, two: A boat", "three: An albatross"))
    code, text, _ = longtake(studio, "plan", path, "--join", as_json=False)
    assert code == 0
    assert "1 shots are missing" in text
    assert text.splitlines()[1:] == ["  s1/three"]


def test_a_clip_that_is_gone_is_an_error(studio, small, longtake):
    path, text = small
    film, _ = studio.run(text)
    studio.store.delete([film.manifest.timeline.cuts[1].clip])
    code, said, err = longtake(studio, "plan", path, "--join")
    assert code != 0
    assert said["error"]["kind"] == "StoreError"
    assert film.manifest.timeline.cuts[1].clip in err
