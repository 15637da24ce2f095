"""A storyboard that is written to a file and read again stays the same storyboard."""

from __future__ import annotations

import json

import yaml
from hypothesis import given
from hypothesis import strategies as st
from lighthouse import lighthouse

from examples import examples
from longtake.storyboard import Scene, Shot, Storyboard, Transition, load_any
from longtake.storyboard.node import of_json
from longtake.storyboard.reading import read
from longtake.storyboard.writing import plain

CHARACTERS = st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff") | st.sampled_from(
    "\n\t\r\x85\xa0\u2028\ufeff :#-'\"{}[]|>&*!%@`,?~\\0e."
)
TEXT = (
    st.text(CHARACTERS, max_size=40)
    | st.lists(st.text(CHARACTERS, max_size=8), max_size=5).map("\n".join)
    | st.sampled_from(
        [
            "16:9",
            "yes",
            "NO",
            "null",
            "~",
            "",
            "1e5",
            "0x1F",
            "012",
            "1_000",
            ".inf",
            "2026-01-01",
            "---",
            "...",
            "- a",
            "a: b",
            "a #b",
            "a\n  b\nc\n",
            "\n a",
            " a\nb",
            "a \nb",
            "a\n\n",
            "%a",
            "é\n灯台 🗼",
            "<<",
            "=",
            "on",
            "key:",
        ]
    )
)
WORD = TEXT.filter(lambda text: 0 < len(text) <= 100)
IDS = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,12}", fullmatch=True) | st.sampled_from(["null", "yes", "1e5", "0", "on"])
MAYBE_SECONDS = st.floats(0, 5, exclude_min=True)
TRANSITIONS = st.just(Transition(kind="cut")) | st.builds(
    Transition, kind=st.sampled_from(["crossfade", "wipe-up"]), seconds=MAYBE_SECONDS
)
NAMES = ["keeper", "Sea", "null", "1", "yes"]
GENERATION = {
    "resolution": WORD,
    "size": WORD,
    "duration": st.integers(-1, 3600),
    "generate_audio": st.booleans(),
    "seed": st.integers(-1, 2**63 - 1),
    "web_search": st.booleans(),
}
SHOT = st.fixed_dictionaries(
    {},
    optional={
        **GENERATION,
        "prompt": TEXT,
        "model": WORD,
        "references": st.lists(st.sampled_from(NAMES), max_size=5, unique=True),
        "continue_from": st.none(),
        "first_frame": WORD,
        "last_frame": WORD,
        "takes": st.integers(1, 10),
        "use": st.integers(1, 1000),
        "pick": st.sampled_from(["first", "best"]),
        "transition": TRANSITIONS,
        "caption": WORD,
    },
)


@st.composite
def boards(draw):
    ids = iter(draw(st.lists(IDS, min_size=8, max_size=8, unique=True)))
    scenes = []
    for scene_id in draw(st.lists(IDS, min_size=1, max_size=2, unique=True)):
        shots = [Shot(next(ids), **draw(SHOT)) for _ in range(draw(st.integers(1, 3)))]
        if not scenes:
            shots[0] = Shot("first", **{k: v for k, v in draw(SHOT).items() if k != "transition"})
        more = draw(
            st.fixed_dictionaries({}, optional={"title": WORD, **({"transition": TRANSITIONS} if scenes else {})})
        )
        scenes.append(Scene(scene_id, shots, **more))
    floats = st.floats(-60, -9) | st.integers(-60, -9)
    sound = st.fixed_dictionaries({}, optional={"loudness": floats, "music": WORD, "duck": st.floats(0, 30)})
    more = {
        "model": WORD,
        "defaults": st.fixed_dictionaries({}, optional=GENERATION),
        "budget": st.integers(1, 10**12),
        "downstream": st.sampled_from(["bridge", "keep"]),
        "hls": st.booleans(),
        "approval": st.fixed_dictionaries({}, optional={"before": st.lists(st.sampled_from(["spending", "the rest"]))}),
        "sound": sound,
    }
    references = {name: draw(WORD) for name in NAMES}
    fields = draw(st.fixed_dictionaries({}, optional=more))
    return Storyboard(title="T" + draw(TEXT), scenes=scenes, references=references, **fields)


@given(boards())
def test_written_and_read_again_a_storyboard_is_the_same(board):
    text = board.to_yaml()
    again = Storyboard.from_yaml(text)
    assert again == board
    assert again.to_yaml() == text
    assert plain(again) == plain(board)
    assert Storyboard.from_yaml(board.model_dump_json()) == board
    assert load_any(board).problems == ()


@examples(80)
@given(boards())
def test_a_reader_of_yaml_1_1_finds_the_same_values(board):
    assert yaml.safe_load(board.to_yaml()) == plain(board)


@examples(60)
@given(boards())
def test_lines_of_a_storyboard_without_a_file_are_those_of_its_json(board):
    data = plain(board)
    ours, theirs = of_json(data), read(json.dumps(data, indent=1))
    assert [(path, node.line, node.values) for path, node in ours.walk()] == [
        (path, node.line, node.values) for path, node in theirs.walk()
    ]


def test_a_prompt_of_several_lines_is_written_as_lines():
    board = Storyboard(title="T", scenes=[Scene("one", [Shot("a", "Wide shot.\n\n  Slow dolly in\n")])])
    assert board.to_yaml().endswith("prompt: |\n          Wide shot.\n\n            Slow dolly in\n")


def test_a_file_an_edit_and_a_file_again(tmp_path):
    path = tmp_path / "film.yaml"
    path.write_text("# a comment\n" + lighthouse().to_yaml(), "utf-8")
    loaded = Storyboard.load(path)
    assert loaded == lighthouse()
    path.write_text(loaded.model_copy(update={"title": "Night"}).to_yaml(), "utf-8")
    assert Storyboard.load(path).title == "Night"
    assert Storyboard.load(path).scenes == loaded.scenes
