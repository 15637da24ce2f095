"""A storyboard's file is changed in place: what is not changed stays as it was written, in YAML of any style and in JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from longtake.errors import StoryboardError
from longtake.storyboard import Storyboard, draft_text, starter
from longtake.storyboard.rewriting import rewritten
from longtake.storyboard.writing import plain

BLOCK = """\
schema: longtake/1
title: T
scenes:
  # the first
  - id: one   # yes
    transition: {kind: cut}
    shots:
      - id: a
        prompt: |
          Two lines,
          a literal.

      # about b
      - id: b
        trim:
          head: 1   # a second
        duration: 8  # long
      - {id: c, prompt: "A: b", caption: x}
  - id: two
    shots:
    - id: d
"""
FLOW = """\
{"schema": "longtake/1", "title": "T", "scenes": [
  {"id": "one", "transition": {"kind": "cut"}, "shots": [
    {"id": "a", "prompt": "Two lines"}, {"id": "b", "trim": {"head": 1}, "duration": 8},
    {"id": "c", "prompt": "A: b", "caption": "x"}]},
  {"id": "two", "shots": [{"id": "d"}]}
]}
"""


def changed(text, change, name="board.yaml"):
    loaded = draft_text(text, name=name, base=Path())
    data = json.loads(json.dumps(plain(loaded.board)))
    change(data)
    return rewritten(loaded, Storyboard.model_validate(data))


def everything(data):
    one, two = data["scenes"]
    a, b, c = one["shots"]
    b["trim"], b["use"], a["continue_from"] = {"tail": "3f"}, 2, None
    del c["caption"]
    one["shots"] = [c, a]
    two["shots"] = [*two["shots"], b]
    data["scenes"] = [two, one]
    del one["transition"]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("text", [BLOCK, FLOW], ids=["block", "JSON"])
def test_shots_move_and_fields_change(text, end):
    text = text.replace("\n", end)
    made = changed(text, everything)
    board = draft_text(made, name="board.yaml", base=Path()).board
    assert [[shot.id for shot in scene.shots] for scene in board.scenes] == [["d", "b"], ["c", "a"]]
    assert made.count("\n") == made.count(end)
    assert json.loads(made) if text.startswith("{") else True


def test_comments_go_with_what_they_stand_in_front_of():
    made = changed(BLOCK, everything)
    assert "  # the first\n  - id: one   # yes\n    shots:\n" in made
    assert '      - {id: c, prompt: "A: b"}\n' in made
    assert (
        "    # about b\n    - id: b\n      trim: {tail: 3f}   # a second\n      duration: 8  # long\n      use: 2\n"
        in made
    )
    assert "          Two lines,\n          a literal.\n        continue_from: null\n" in made


def test_nothing_else_of_a_file_changes():
    text = starter()
    made = changed(text, lambda data: data["scenes"][1]["shots"][1].update(use=1))
    lines = made.splitlines()
    lines.remove("        use: 1")
    assert lines == text.splitlines()
    assert changed(text, lambda _: None) == text


def test_the_last_line_may_lack_its_end():
    made = changed(BLOCK.rstrip("\n"), lambda data: data["scenes"][1]["shots"][0].update(use=1, caption="x"))
    assert made.endswith(("- id: d\n      caption: x\n      use: 1", "- id: d\n      use: 1\n      caption: x"))


@pytest.mark.parametrize(
    "text",
    [
        BLOCK.replace("- id: d", "- &d {id: d}\n    - <<: *d"),
        BLOCK.replace("trim:\n          head: 1   # a second", "trim: &t {head: 1}").replace("caption: x", "trim: *t"),
    ],
)
def test_what_cannot_be_changed_in_place_is_refused(text):
    with pytest.raises(StoryboardError):
        changed(text, lambda data: data["scenes"][0]["shots"][2].update(trim={"head": 2}))
