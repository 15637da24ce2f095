"""A storyboard's deliverables are made after the film, cost nothing, and are made once."""

from __future__ import annotations

import json

import pytest

from longtake import Storyboard, film, request
from longtake import manifest as manifests
from longtake.catalog import Catalog
from longtake.errors import FilmIncompleteError
from longtake.storyboard import Deliverable, load_any
from longtake.studio.unchanged import unchanged

WANTED = [{"name": "vertical", "size": "9:16"}, {"name": "web", "captions": ["srt"]}]


def left_as_it_is(studio, board):
    """Whether a run would have nothing to do."""
    catalog = Catalog.load(studio.settings.catalog)
    resolved = request.resolve(load_any(board), catalog)
    return unchanged(resolved, catalog=catalog, settings=studio.settings, film="a-film") is not None


def changed(board, **shot):
    """The same storyboard with other fields of its first shot."""
    data = json.loads(board.model_dump_json())
    data["scenes"][0]["shots"][0] |= shot
    return Storyboard.from_yaml(json.dumps(data))


def names(plan):
    return [(shot.id, shot.state, shot.to_buy) for shot in plan.shots]


def test_deliverables_are_made_once_after_the_film(account, studio):
    board = account.board("first", deliverables=WANTED)
    plan = studio.plan(board)
    assert "deliverables, made of the film for nothing: vertical (9:16), web (captions as srt)" in "\n".join(plan.notes)
    assert plan.expected == studio.plan(account.board("first")).expected
    made = studio.make_sync(board)
    assert list(made.deliverables) == ["vertical", "web"]
    places = [made.path.parents[0].joinpath(place) for place in made.deliverables.values()]
    assert all(place.is_file() and place.with_name("poster.jpg").is_file() for place in places)
    assert all(f"deliverable {name}" in made.page for name in made.deliverables)
    manifest = manifests.load(made.path.with_name("manifest.json").read_bytes(), name="manifest")
    assert [str(one) for one in manifest.deliverables] == ["vertical (9:16)", "web (captions as srt)"]
    report = made.path.with_name("report.html").read_text()
    assert all(place.relative_to(made.path.parent).as_posix() in report for place in places)
    assert left_as_it_is(studio, board)
    written = [place.stat().st_mtime_ns for place in places]
    again = studio.make_sync(board)
    assert (again.deliverables, again.cost.charged) == (made.deliverables, 0)
    assert [place.stat().st_mtime_ns for place in places] == written


@pytest.mark.slow
def test_a_focus_and_other_deliverables_change_no_take_and_no_price(account, studio):
    board = account.board("first", "second", deliverables=WANTED)
    before = studio.make_sync(board)
    moved = changed(board, focus=[0.1, 0.5])
    assert (studio.plan(moved).expected, names(studio.plan(moved))) == (0, names(studio.plan(board)))
    assert not left_as_it_is(studio, moved)
    after = studio.make_sync(moved)
    assert (after.place, after.cost.charged) == (before.place, 0)
    assert [shot.take for shot in after.shots.values()] == [shot.take for shot in before.shots.values()]
    assert after.deliverables["vertical"] != before.deliverables["vertical"]
    assert after.deliverables["web"] == before.deliverables["web"], "what is not cropped has no focus"
    report = before.path.with_name("report.html").read_text()
    assert report.count("deliverables/vertical-") >= 4, "both are on the page of the film"
    assert left_as_it_is(studio, moved)
    assert left_as_it_is(studio, board)


def test_a_deliverable_that_is_gone_is_made_again_and_marked_as_the_film_is(account, studio):
    board = account.board("first", deliverables=WANTED[1:], marking="metadata")
    made = studio.make_sync(board)
    place = made.path.parents[0].joinpath(made.deliverables["web"])
    assert film.verify(place.with_name("film-marked.mp4")).holds
    place.with_name("film-marked.mp4").unlink()
    assert not left_as_it_is(studio, board)
    studio.make_sync(board)
    assert place.with_name("film-marked.mp4").is_file()
    place.with_name("deliverable.json").unlink()
    assert not left_as_it_is(studio, board)
    assert studio.make_sync(board).deliverables == made.deliverables


def test_a_deliverable_that_cannot_be_made_leaves_the_film(account, studio, monkeypatch, tmp_path):
    board = changed(account.board("first"), caption="Rain")
    studio.make_sync(board)
    (tmp_path / "fonts.conf").write_text('<?xml version="1.0"?><fontconfig/>')
    monkeypatch.setenv("FONTCONFIG_FILE", str(tmp_path / "fonts.conf"))
    board = board.model_copy(update={"deliverables": (Deliverable("burned", burn=True),)})
    with pytest.raises(FilmIncompleteError, match="the film is there, but not everything that is made of it") as caught:
        studio.make_sync(board)
    assert caught.value.film.path.is_file()
    assert caught.value.film.shots["first"].take is not None
