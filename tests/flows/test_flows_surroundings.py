"""Where a flow gets its settings and its storyboard from."""

from __future__ import annotations

import asyncio
import json
import uuid

import pytest

from longtake.catalog import Catalog
from longtake.errors import SettingsError, StoryboardError
from longtake.prefect.config import settings_of
from longtake.request import resolve
from longtake.storyboard import aload_any

BOARD = {
    "schema": "longtake/1",
    "title": "Small",
    "model": "seedance-2.5",
    "scenes": [{"id": "one", "shots": [{"id": "pier", "prompt": "A pier"}]}],
}


def load(board):
    return asyncio.run(aload_any(board))


def test_a_board_inline_by_path_and_by_url_is_the_same(tmp_path):
    path = tmp_path / "small.json"
    path.write_text(json.dumps(BOARD))
    inline, by_path, by_url = load(BOARD), load(str(path)), load(path.as_uri())
    assert inline.board == by_path.board == by_url.board
    assert (inline.name, by_path.base) == ("(inline)", tmp_path)


@pytest.mark.parametrize("kind", ["inline", "missing"])
def test_a_board_that_is_wrong_or_not_there(tmp_path, kind):
    board, where = {
        "inline": ({**BOARD, "scens": []}, 'the key "scens" is unknown'),
        "missing": (str(tmp_path / "nowhere.yaml"), f"{tmp_path}/nowhere.yaml:1: "),
    }[kind]
    with pytest.raises(StoryboardError) as caught:
        resolve(load(board), Catalog.load())
    assert str(caught.value.problems[0]).startswith(where)


@pytest.fixture
def in_a_deployment(monkeypatch):
    monkeypatch.setenv("PREFECT__RUNTIME__DEPLOYMENT__ID", str(uuid.uuid4()))


@pytest.mark.parametrize("store", ["films", "./films", ""])
def test_a_deployment_needs_a_store_that_outlives_the_run(monkeypatch, in_a_deployment, store):
    monkeypatch.setenv("LONGTAKE_STORE", store)
    with pytest.raises(SettingsError, match="relative path"):
        settings_of(None, None)


@pytest.mark.parametrize("store", ["/srv/films", "~/films", "file:///srv/films", "s3://films/longtake"])
def test_a_deployment_takes_a_store_that_all_its_machines_reach(monkeypatch, in_a_deployment, store):
    monkeypatch.setenv("LONGTAKE_STORE", store)
    assert settings_of(None, None).store == store


def test_outside_of_a_deployment_a_relative_store_is_fine(monkeypatch):
    monkeypatch.setenv("LONGTAKE_STORE", "films")
    assert settings_of(None, None).store == "films"
