"""Which scenes are handed out together."""

from __future__ import annotations

from longtake.catalog import Catalog
from longtake.prefect.scenes.dispatch import groups
from longtake.request import resolve
from longtake.storyboard import load_any


def resolved(scenes):
    board = {
        "schema": "longtake/1",
        "title": "Handed Out",
        "model": "seedance-2.5",
        "scenes": [
            {"id": scene, "shots": [{"prompt": "A pier", **shot} for shot in shots]} for scene, shots in scenes.items()
        ],
    }
    return resolve(load_any(board), Catalog.load())


def test_scenes_are_groups_and_those_a_chain_runs_across_are_one():
    board = resolved(
        {
            "a": [{"id": "a1"}, {"id": "a2"}],
            "b": [{"id": "b1"}],
            "c": [{"id": "c1"}, {"id": "c2", "continue_from": "a2"}],
            "d": [{"id": "d1", "continue_from": "c1"}],
        }
    )
    every = {shot.id for shot in board.shots}
    assert groups(board, every) == [("a", ("a1", "a2", "c1", "c2", "d1")), ("b", ("b1",))]


def test_only_scenes_that_lack_something_are_handed_out_and_then_whole():
    board = resolved({"a": [{"id": "a1"}, {"id": "a2"}], "b": [{"id": "b1"}]})
    assert groups(board, {"a2"}) == [("a", ("a1", "a2"))]
    assert groups(board, set()) == []
