"""`deliverables` and `focus` in a storyboard: what they take, and what is said of mistakes."""

from __future__ import annotations

import pytest

from longtake.errors import StoryboardError
from longtake.storyboard import Deliverable, Scene, Shot, Storyboard

TEXT = """\
schema: longtake/1
title: A Film
deliverables:
  - {name: vertical, size: "9:16", focus: {one/first: [0.3, 1]}}
  - {name: web, size: 640x360, fit: pad, burn: true, captions: [srt, ttml]}
scenes:
  - id: one
    shots:
      - {id: first, prompt: Waves, focus: [0.25, 0.5]}
"""


def test_a_file_and_python_say_the_same():
    read = Storyboard.from_yaml(TEXT)
    built = Storyboard(
        title="A Film",
        deliverables=[
            Deliverable("vertical", size="9:16", focus={"one/first": (0.3, 1)}),
            {"name": "web", "size": "640x360", "fit": "pad", "burn": True, "captions": ["srt", "ttml"]},
        ],
        scenes=[Scene("one", [Shot("first", "Waves", focus=(0.25, 0.5))])],
    )
    assert read == built
    assert Storyboard.from_yaml(built.to_yaml()) == built
    assert Storyboard.from_yaml(built.model_dump_json()) == built


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"9:16"', '"9:0"', 'size is "9:0"'),
        ('"9:16"', '"1:20"', "size is"),
        ('"9:16"', "big", "size is"),
        ("640x360", "641x360", "size is"),
        ("640x360", "9000x360", "size is"),
        ("name: web", "name: vertical", "the name vertical is already that of line 4"),
        ("name: web", "name: Web!", "name is"),
        ("name: web, ", "", "name is missing"),
        ("fit: pad", "fit: stretch", "fit is"),
        ("[srt, ttml]", "[srt, doc]", "number 2 of captions is"),
        ("one/first:", "one/second:", "the film has no shot"),
        ("[0.3, 1]", "[0.3]", "one/first is"),
        ("[0.25, 0.5]", "[0.25, 1.5]", "focus is"),
        ("[0.25, 0.5]", "[0.25, .nan]", "focus is"),
        ("[0.25, 0.5]", "middle", "focus is"),
        ("burn: true", "colour: true", "the key "),
    ],
)
def test_mistakes_are_named(old, new, said):
    assert old in TEXT
    with pytest.raises(StoryboardError) as caught:
        Storyboard.from_yaml(TEXT.replace(old, new))
    assert said in str(caught.value)
