"""`trim` in a storyboard: it changes the film and what a plan says of its length, and buys nothing."""

from __future__ import annotations

import hashlib
import json

import pytest

from longtake import export, plan
from longtake import film as films
from longtake.errors import StoryboardError
from longtake.storyboard import Storyboard
from tests.film.conftest import CATALOG, SETTINGS, SLUG

CHAIN = 9


def trimmed(text: str, **trims: str) -> str:
    for shot, trim in trims.items():
        text = text.replace(f"{{id: {shot},", f"{{id: {shot}, trim: {{{trim}}},")
    return text


def made_plan(studio, text):
    return plan.make(studio.resolved(text), catalog=CATALOG, store=studio.store, settings=SETTINGS, film=SLUG)


def test_a_trim_changes_the_film_and_buys_nothing(studio, write_board):
    text = write_board("one: A, two: B", "three: C")
    whole, _ = studio.run(text)
    cut = trimmed(text, one="tail: 2f", three="head: 0.125, tail: 1f")
    assert studio.to_buy(cut) == (0, "to join")
    film, bought = studio.run(cut)
    assert bought == 0
    assert whole.manifest.frames == 3 * CHAIN - 1
    assert (film.manifest.frames, film.manifest.dropped) == (3 * CHAIN - 2 - 3 - 1, 0)
    assert [shot.used for shot in film.manifest.shots] == [shot.used for shot in whole.manifest.shots]
    assert studio.to_buy(cut) == (0, "there")
    one, two, three = export.of_manifest(film.manifest).shots
    assert [(s.first, s.frames, s.spare) for s in (one, two, three)] == [(0, 7, 2), (0, 9, 0), (3, 5, 1)]


def test_a_plan_counts_trims_and_names_the_shots_that_jump(studio, write_board):
    text = write_board("one: A, two: B, three: C")
    before = made_plan(studio, text)
    after = made_plan(studio, trimmed(text, one="tail: 0.5", three="tail: 6f"))
    # Each shot is 4 s of 24 frames and one more. The frame that `one` and `two` shared is cut off, not dropped.
    assert after.frames == before.frames - 12 - 6 + 1
    assert after.expected == before.expected
    assert after.notes == ("trims cut frames off a continuous take: the picture jumps into s0/two",)
    assert before.notes == ()


def test_a_film_without_trims_is_stored_as_before(studio, write_board):
    film, _ = studio.run(write_board("one: A, two: B"))
    data = json.loads(studio.read(film.key.replace("film.mp4", "manifest.json")))
    assert all("trim" not in cut for cut in data["timeline"]["cuts"])
    zero, _ = studio.run(trimmed(write_board("one: A, two: B"), one="head: 0, tail: 0f"))
    assert zero.manifest.digest == film.manifest.digest


def test_a_trimmed_film_is_joined_again_from_its_manifest(studio, write_board):
    film, _ = studio.run(trimmed(write_board("one: A, two: B"), one="tail: 3f", two="head: 2f"))
    studio.store.delete([film.key])
    again = films.rebuild(film.manifest, studio.store)
    assert again.same
    assert hashlib.sha256(studio.read(film.key)).hexdigest() == film.manifest.sha256


@pytest.mark.parametrize(
    ("trim", "said"),
    [
        ("head: -1", "trim.head"),
        ("head: 12", "the trim of shot one takes all of its 4 seconds"),
        ("head: 1.5s", "head is '1.5s'"),
        ("tail: true", "tail is true"),
        ("middle: 1", "the key 'middle' is unknown"),
        ("tail: 2.5f", "tail is '2.5f'"),
    ],
)
def test_a_trim_that_cannot_be_is_named_with_its_place(studio, write_board, trim, said):
    with pytest.raises(StoryboardError) as caught:
        studio.resolved(trimmed(write_board("one: A"), one=trim))
    (problem,) = caught.value.problems
    assert said.replace("trim.head", "head is -1") in str(problem).replace('"', "'")
    assert problem.line == 8


def test_a_trim_is_written_and_read_again():
    board = Storyboard.from_yaml(
        "schema: longtake/1\ntitle: T\nscenes: [{id: s, shots: [{id: a, trim: {head: 12f, tail: 0.5}}]}]"
    )
    assert "trim: {head: 12f, tail: 0.5}" in board.to_yaml()
    assert Storyboard.from_yaml(board.to_yaml()) == board
