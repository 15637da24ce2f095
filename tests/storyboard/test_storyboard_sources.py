"""A storyboard comes as an object, a mapping, a path or a URL, and is the same whichever it is."""

from __future__ import annotations

import os
import pickle
from decimal import Decimal
from pathlib import Path

import pytest
from lighthouse import lighthouse

from longtake import storyboard
from longtake.catalog import Catalog
from longtake.errors import StoryboardError
from longtake.request import resolve
from longtake.storyboard import Scene, Shot, Storyboard, load_any
from longtake.storyboard.writing import plain


def test_an_object_a_mapping_a_path_and_a_url_load_as_the_same_storyboard(tmp_path):
    board = lighthouse()
    path = tmp_path / "film one.yaml"
    path.write_text(board.to_yaml(), "utf-8")
    mapping = {"schema": "longtake/1", "title": board.title, "model": board.model, "defaults": board.defaults}
    mapping |= {"references": {"keeper": Path("refs/keeper.png")}, "scenes": board.scenes, "sound": {"loudness": -16}}
    sources = [board, mapping, plain(board), path, str(path), path.as_uri(), os.fspath(path.absolute())]
    for source in sources:
        loaded = load_any(source)
        assert loaded.board == board
        assert loaded.problems == ()
        assert storyboard.parse(loaded.text, name="again", base=tmp_path).board == board


def test_relative_paths_start_from_the_file_or_from_the_folder_that_is_given(tmp_path, monkeypatch):
    path = tmp_path / "films" / "film.yaml"
    path.parent.mkdir()
    path.write_text(lighthouse().to_yaml(), "utf-8")
    monkeypatch.chdir(tmp_path)
    written = "refs/keeper.png"
    from_file = Storyboard.load("films/film.yaml")
    assert from_file.folder == path.parent
    assert load_any(path).path(written) == path.parent / written
    assert load_any(from_file).path(written) == path.parent / written
    assert load_any(from_file.model_copy(update={"title": "N"})).path(written) == path.parent / written
    assert load_any(pickle.loads(pickle.dumps(from_file))).path(written) == path.parent / written  # noqa: S301 - our own bytes
    assert load_any(lighthouse()).path(written) == tmp_path / written
    assert load_any(lighthouse().based_in("films")).path(written) == path.parent / written
    assert load_any(plain(lighthouse())).path(written) == tmp_path / written
    for source in (path, from_file, lighthouse(), plain(lighthouse())):
        loaded = load_any(source, base="other")
        assert loaded.path(written) == tmp_path / "other" / written
    assert Storyboard.from_yaml(lighthouse().to_yaml(), base="films").folder == Path("films")
    assert from_file == lighthouse()


def itself():
    data = {"title": "T"}
    data["scenes"] = data
    return data


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("schema: longtake/1\ntitle: T\n", "Storyboard.from_yaml"),
        ("file://films/film.yaml", "file:///an/absolute/path"),
        ("file:///nowhere/film.yaml", "/nowhere/film.yaml:1: the file cannot be read: No such file"),
        ({"title": Decimal(5)}, "a value is a Decimal"),
        ({"title": {5}}, "a value is a set"),
        (itself(), "contains itself"),
        ({}, "title is missing"),
        (Storyboard(title="T", scenes=[Scene("a", [Shot(f"s{n}", "x" * 50_000) for n in range(50)])]), "is too large"),
        ("s3://films", "s3://films is not there"),
        ("s3://user:secret@films/x", "is not s3://bucket/key"),
        ("http://", "cannot be read"),
    ],
)
def test_what_cannot_be_a_storyboard_is_said_at_once(source, says):
    with pytest.raises(StoryboardError) as caught:
        resolve(load_any(source), Catalog.load())
    assert says in str(caught.value)
    assert "secret" not in str(caught.value)
