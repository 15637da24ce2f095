"""Whatever is thrown at the reader, it answers with a board or with problems."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from examples import examples
from longtake import storyboard
from longtake.errors import StoryboardError

KEYS = st.sampled_from([
    "schema", "title", "model", "defaults", "budget", "references", "scenes", "sound", "id", "shots", "prompt", "transition",
    "kind", "seconds", "duration", "takes", "continue_from", "first_frame", "last_frame", "loudness", "music", "other",
])  # fmt: skip
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5) | st.just("a")
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12
)


def judged(text):
    try:
        found = storyboard.draft_text(text, name="fuzz", base=Path("/nowhere")).problems
    except StoryboardError as error:
        found = error.problems or [None]
    assert all(one.line >= 1 and one.message and one.allowed for one in found)


@examples(100)
@given(st.dictionaries(KEYS, VALUES, max_size=6))
def test_any_data_is_a_storyboard_or_has_named_problems(data):
    judged(json.dumps(data))


@examples(80)
@given(st.lists(st.dictionaries(KEYS, VALUES, max_size=5), min_size=1, max_size=3), VALUES)
def test_any_shots_are_a_storyboard_or_have_named_problems(shots, references):
    data = {"schema": "longtake/1", "title": "t", "scenes": [{"id": "a", "shots": shots}], "references": references}
    judged(json.dumps(data))


@examples(80)
@given(st.text(max_size=60) | st.text("[]{}:-,&*!|>'\"%@#? \n\tab0", max_size=60))
def test_any_text_is_a_storyboard_or_has_named_problems(text):
    judged(text)
