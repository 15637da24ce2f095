"""`notice` in a storyboard: it changes the film and no take, and the film is joined again with it from its manifest."""

from __future__ import annotations

import json

import pytest

from longtake import film as films
from longtake import preflight
from longtake.errors import PreflightError, StoryboardError
from longtake.storyboard import Notice, Storyboard


def noticed(text: str, notice: str) -> str:
    return text.replace("title:", f"notice: {notice}\ntitle:", 1)


def test_a_notice_changes_the_film_and_buys_nothing(studio, write_board):
    plain = write_board("one: A, two: B", "three: C")
    before, _ = studio.run(plain)
    text = noticed(plain, "{text: Made with AI, corner: top-left, seconds: 0.125}")
    assert studio.to_buy(text) == (0, "to join")
    after, bought = studio.run(text)
    assert (bought, after.made, after.manifest.frames) == (0, True, before.manifest.frames)
    assert [shot.used for shot in after.manifest.shots] == [shot.used for shot in before.manifest.shots]
    # The clips are one group of pictures: the first shot is encoded, the others are as before.
    assert 0 < after.manifest.encoded - before.manifest.encoded <= 9
    plan = films.plan_render(after.manifest.timeline, studio.store)
    assert plan.encoded == after.manifest.encoded
    assert "a notice is drawn into its first 3 frames" in plan.rows[0].why
    stored = json.loads(studio.read(after.key.replace("film.mp4", "manifest.json")))
    assert stored["timeline"]["notice"] == {"text": "Made with AI", "corner": "top-left", "seconds": 0.125}
    studio.store.path(after.key).unlink()
    assert films.rebuild(after.manifest, studio.store).same


def test_a_film_without_a_notice_is_stored_as_before(studio, write_board):
    film, _ = studio.run(write_board("one: A"))
    stored = json.loads(studio.read(film.key.replace("film.mp4", "manifest.json")))
    assert "notice" not in stored["timeline"]
    assert "deliverables" not in stored


def test_a_notice_that_no_font_has_is_refused_before_anything_is_bought(studio, write_board):
    with pytest.raises(PreflightError, match="no font with the characters \U00013000"):
        preflight.check_media(studio.resolved(noticed(write_board("one: A"), '{text: "AI \U00013000"}')))


@pytest.mark.parametrize(
    ("notice", "said"),
    [
        ("{corner: top-left}", "text is missing"),
        ('{text: ""}', "text is"),
        ('{text: "two\\nlines"}', "text is"),
        ("{text: AI, corner: middle}", "corner is"),
        ("{text: AI, seconds: 0}", "seconds is"),
        ("{text: AI, size: 9}", "the key "),
    ],
)
def test_mistakes_are_named(write_board, notice, said):
    with pytest.raises(StoryboardError) as caught:
        Storyboard.from_yaml(noticed(write_board("one: A"), notice))
    assert said in str(caught.value)


def test_python_and_a_file_say_the_same(write_board):
    read = Storyboard.from_yaml(noticed(write_board("one: A"), "{text: Made with AI}"))
    assert read.notice == Notice("Made with AI")
    assert Storyboard.from_yaml(read.to_yaml()) == read
