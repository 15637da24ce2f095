"""A storyboard can be built in Python, written to a file, and read again, and it stays the same storyboard."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import textwrap
from decimal import Decimal
from pathlib import Path
from typing import Any, Required, get_origin, get_type_hints

import cloudpickle
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from longtake import storyboard
from longtake.catalog import Catalog
from longtake.errors import StoryboardError
from longtake.request import resolve
from longtake.storyboard import Approval, Generation, Scene, Shot, Sound, Storyboard, Transition, load_any, models
from longtake.storyboard.node import of_json
from longtake.storyboard.reading import read
from longtake.storyboard.writing import plain

ROOT = Path(__file__).parents[2]


def lighthouse(**more):
    return Storyboard(
        title="The Lighthouse",
        model="seedance-2.5",
        defaults={"resolution": "480p", "size": "16:9"},
        references={"keeper": Path("refs/keeper.png")},
        scenes=[
            Scene("dawn", [Shot("rocks", "Waves break on black rocks"), Shot("wakes", "The keeper wakes", duration=8)]),
            Scene(
                "storm",
                [
                    Shot("lamp", "@keeper lights the lamp", references=["keeper"], takes=2),
                    Shot("sea", "The sea, calm: no wind", continue_from=None),
                ],
                transition={"kind": "crossfade", "seconds": 0.5},
            ),
        ],
        sound={"loudness": -16},
        **more,
    )


# -- building ----------------------------------------------------------------------------------------------------------


def test_to_yaml_writes_what_a_person_would():
    assert lighthouse().to_yaml() == textwrap.dedent("""\
        schema: longtake/1
        title: The Lighthouse
        model: seedance-2.5
        defaults: {resolution: 480p, size: "16:9"}
        references: {keeper: refs/keeper.png}
        scenes:
          - id: dawn
            shots:
              - id: rocks
                prompt: Waves break on black rocks
              - id: wakes
                prompt: The keeper wakes
                duration: 8
          - id: storm
            transition: {kind: crossfade, seconds: 0.5}
            shots:
              - id: lamp
                prompt: "@keeper lights the lamp"
                references: [keeper]
                takes: 2
              - id: sea
                prompt: "The sea, calm: no wind"
                continue_from: null
        sound: {loudness: -16}
        """)


def test_lists_tuples_models_and_plain_dicts_build_the_same_storyboard():
    shot = {"id": "a", "prompt": "A", "references": ["r"], "transition": {"kind": "cut"}, "first_frame": Path("a.png")}
    plainly = Storyboard(
        title="T",
        references={"r": "r.png"},
        defaults={"duration": 5},
        scenes=[{"id": "one", "shots": [{"id": "z"}, shot]}],
        sound={"music": Path("m.wav"), "loudness": -16},
        approval={"before": ["spending"]},
    )
    shot = Shot("a", "A", references=("r",), transition=Transition(kind="cut"), first_frame="a.png")
    with_models = Storyboard(
        title="T",
        references={"r": Path("r.png")},
        defaults=Generation(duration=5),
        scenes=(Scene(id="one", shots=(Shot(id="z"), shot)),),
        sound=Sound(music="m.wav", loudness=-16.0),
        approval=Approval(before=["spending"]),
    )
    assert plainly == with_models
    assert plainly.scenes[0].shots[1].references == ("r",)
    assert plainly.sound.music == "m.wav"


def test_a_file_must_name_its_schema_and_python_need_not():
    assert lighthouse().schema_ == "longtake/1"
    assert lighthouse(schema="longtake/1") == lighthouse()
    with pytest.raises(StoryboardError, match="schema is missing"):
        Storyboard.from_yaml(lighthouse().to_yaml().replace("schema: longtake/1\n", ""))
    with pytest.raises(ValidationError, match="schema"):
        Storyboard.model_validate({"title": "T", "scenes": [{"id": "one", "shots": [{"id": "a"}]}]})


@pytest.mark.parametrize(
    ("build", "place"),
    [
        (lambda: Shot("a", duration="5"), ("duration",)),
        (lambda: Shot("a", promt="A"), ("promt",)),
        (lambda: Shot("Not An Id"), ("id",)),
        (lambda: Shot("a", None), ("prompt",)),
        (lambda: Shot("a", "bell\x07"), ("prompt",)),
        (lambda: Shot("a", references="keeper"), ("references",)),
        (lambda: Shot("a", references={"keeper"}), ("references",)),
        (lambda: Scene("a", []), ("shots",)),
        (lambda: Scene("a", [{"id": "b"}, {"id": "c", "takes": 0}]), ("shots", 1, "takes")),
        (lambda: Transition(kind="crossfade"), ()),
        (lambda: Storyboard(scenes=[Scene("a", [Shot("b")])]), ("title",)),
        (lambda: Storyboard(title="T", scenes=[Scene("a", [Shot("b")])], schema="longtake/2"), ("schema",)),
        (lambda: Storyboard(title="T\x00", scenes=[Scene("a", [Shot("b")])]), ("title",)),
    ],
)
def test_a_value_that_does_not_fit_is_pydantics_validation_error(build, place):
    with pytest.raises(ValidationError) as caught:
        build()
    assert [one["loc"] for one in caught.value.errors()] == [place]


def test_none_is_not_given_but_for_continue_from():
    shot = Shot("a", duration=None, model=None, caption=None, transition=None, continue_from=None)
    assert shot.model_fields_set == {"id", "continue_from"}
    board = Storyboard(title="T", model=None, scenes=[Scene("one", [shot], title=None)], sound={"music": None})
    assert Storyboard.from_yaml(board.to_yaml()) == board
    assert Storyboard.from_yaml(board.model_dump_json()) == board


def test_a_shot_that_starts_fresh_is_another_than_one_that_continues():
    assert Shot("a", continue_from=None) != Shot("a")
    assert Shot("a", continue_from=None) == Shot("a", continue_from=None)
    assert len({Shot("a"), Shot("a"), Shot("a", continue_from=None)}) == 2
    assert Shot("a") != "a"
    fresh = Storyboard(title="T", scenes=[Scene("one", [Shot("a"), Shot("b", continue_from=None)])])
    chained = Storyboard(title="T", scenes=[Scene("one", [Shot("a"), Shot("b")])])
    assert fresh != chained
    assert storyboard.parents(fresh) == [None, None]
    assert storyboard.parents(Storyboard.from_yaml(fresh.to_yaml())) == [None, None]
    assert storyboard.parents(Storyboard.from_yaml(chained.to_yaml())) == [None, 0]


def test_a_dump_means_the_same_storyboard_whatever_is_asked_of_it():
    board = lighthouse()
    for options in (
        {},
        {"mode": "json"},
        {"by_alias": True, "exclude_unset": True},
        {"exclude_none": True, "mode": "json"},
    ):
        data = board.model_dump(**options)
        again = [load_any(data).board, Storyboard.model_validate(data)]
        assert (
            storyboard.parents(again[0])
            == storyboard.parents(again[1])
            == storyboard.parents(board)
            == [None, 0, None, None]
        )
        if "exclude_none" not in options:
            assert again == [board, board]
    adapter = TypeAdapter(Storyboard | dict[str, Any])
    assert adapter.validate_python(json.loads(adapter.dump_json(board))) in (board, board.model_dump(mode="json"))
    assert Shot("a", "A", duration=5).model_dump() == {"id": "a", "prompt": "A", "duration": 5}
    assert board.model_dump(include={"title"}) == {"title": "The Lighthouse"}


def test_a_changed_copy_is_written_as_it_is():
    shot = Shot("a", "A", duration=5)
    board = Storyboard(title="T", scenes=[Scene("one", [shot.model_copy(update={"duration": None, "prompt": "B"})])])
    assert Storyboard.from_yaml(board.to_yaml()).scenes[0].shots[0] == Shot("a", "B")


def test_the_fields_that_type_checkers_see_are_those_of_the_models():
    for model in (Generation, Transition, Shot, Scene, Sound, Approval, Storyboard):
        fields = getattr(models, f"{model.__name__}Fields")
        named = {field.alias or name: field.is_required() for name, field in model.model_fields.items()}
        hints = get_type_hints(fields, include_extras=True)
        required = {name for name, hint in hints.items() if get_origin(hint) is Required}
        assert set(hints) == set(named)
        assert required == {name for name, is_required in named.items() if is_required} - {"schema"}


# -- writing and reading -----------------------------------------------------------------------------------------------

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


@settings(max_examples=100, deadline=None)
@given(boards())
def test_written_and_read_again_a_storyboard_is_the_same(board):
    text = board.to_yaml()
    again = Storyboard.from_yaml(text)
    assert again == board
    assert again.to_yaml() == text
    assert plain(again) == plain(board)
    assert Storyboard.from_yaml(board.model_dump_json()) == board
    assert load_any(board).problems == ()


@settings(max_examples=80, deadline=None)
@given(boards())
def test_a_reader_of_yaml_1_1_finds_the_same_values(board):
    assert yaml.safe_load(board.to_yaml()) == plain(board)


@settings(max_examples=60, deadline=None)
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


# -- checking ----------------------------------------------------------------------------------------------------------

WRONG = Storyboard(
    title="Wrong",
    scenes=[
        Scene("one", [Shot("a"), Shot("wakes", references=["keper"])]),
        Scene("one", [Shot("b", continue_from="c"), Shot("c"), Shot("a"), Shot("d", continue_from="nobody")]),
    ],
    references={"keeper": "k.png"},
)


def test_check_names_every_problem_with_its_place():
    lighthouse().check()
    with pytest.raises(StoryboardError) as caught:
        WRONG.check()
    assert [str(one) for one in caught.value.problems] == [
        'scenes[0].shots[1].references[0] (wakes): the reference "keper" is unknown; allowed: keeper',
        "scenes[1]: the scene id one is already that of scenes[0]; allowed: an id no other scene has",
        (
            "scenes[1].shots[0] (b): this goes round in a circle: b continues c continues b; allowed: null, or a shot that does "
            "not lead back here"
        ),
        "scenes[1].shots[2] (a): the id a is already that of scenes[0].shots[0]; allowed: an id no other shot of the film has",
        (
            'scenes[1].shots[3] (d): continue_from names "nobody", and no shot has that id; allowed: null, or one of '
            "a, wakes, b, c"
        ),
    ]
    text = str(caught.value)
    assert text.startswith('the storyboard "Wrong" has 5 problems\n  scenes[0].shots[1].references[0] (wakes): ')
    assert "line" not in text
    assert pickle.loads(pickle.dumps(caught.value)).problems == caught.value.problems  # noqa: S301 - our own bytes


def test_a_plan_names_these_problems_together_with_those_of_models_and_files(tmp_path):
    board = Storyboard(
        title="T",
        model="sora",
        references={"keeper": "nowhere.png"},
        scenes=[
            Scene("one", [Shot("a", "@keeper", references=["keeper"]), Shot("b", model="seedance-2.5", duration=99)])
        ],
    )
    with pytest.raises(StoryboardError) as caught:
        resolve(load_any(board, base=tmp_path), Catalog.load())
    found = [str(one).partition(";")[0] for one in caught.value.problems]
    assert found == [
        'the model "sora" is not in the catalog',
        'references: "nowhere.png" cannot be read: No such file or directory',
        "scenes[0].shots[1] (b): duration is 99",
    ]


def test_a_mapping_is_judged_in_the_words_of_a_file():
    data = {
        "schema": "longtake/1",
        "title": "T",
        "scenes": [
            {"id": "one", "shots": [{"id": "a"}, {"id": "wakes", "duration": "8", "transition": {"kind": "fold"}}]}
        ],
    }
    loaded = load_any(data)
    assert (loaded.name, loaded.base) == ("(inline)", Path.cwd())
    first, second = map(str, loaded.problems)
    assert first == 'scenes[0].shots[1] (wakes): duration is "8"; allowed: a whole number of seconds'
    assert second.startswith('scenes[0].shots[1].transition (wakes): kind is "fold"; allowed: cut, crossfade')
    with pytest.raises(
        StoryboardError, match=r"\(inline\) has 1 problem\n  the character U\+0007 cannot stand in text"
    ):
        load_any({**data, "title": "\x07"})


# -- loading -----------------------------------------------------------------------------------------------------------


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


# -- values ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pickler", [pickle, cloudpickle], ids=["pickle", "cloudpickle"])
def test_every_part_pickles(pickler):
    board = lighthouse(approval={"before": ["spending"]})
    for value in (
        board,
        board.scenes[1],
        board.scenes[1].shots[1],
        board.scenes[1].transition,
        board.sound,
        board.approval,
    ):
        again = pickle.loads(pickler.dumps(value))  # noqa: S301 - our own bytes
        assert again == value
        assert again.model_fields_set == value.model_fields_set


def test_a_notebook_shows_a_table_and_no_markup_of_the_user():
    hostile = '<script>alert("x")</script> & $\\href{x}{y}$ '
    board = Storyboard(
        title=hostile,
        defaults=Generation(duration=5),
        scenes=[Scene("one", [Shot("a", hostile * 9), Shot("b", "Two\nlines", duration=-1)])],
    )
    html = board._repr_html_()
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert "mathjax_ignore" in html
    assert ">Two lines<" in html
    assert html.count("<tr>") == 3
    assert ">any<" in html
    assert ">5<" in html


def test_a_long_storyboard_shows_its_beginning_in_a_notebook():
    board = Storyboard(title="T", scenes=[Scene("one", [Shot(f"s{n}", "x") for n in range(2000)])])
    html = board._repr_html_()
    assert "and 1800 more shots" in html
    assert len(html) < 100_000


def test_building_and_writing_loads_nothing_heavy():
    code = (
        "import sys\n"
        "from longtake.storyboard import Scene, Shot, Storyboard, load_any\n"
        "board = Storyboard(title='T', scenes=[Scene('a', [Shot('b', 'B')])])\n"
        "board.to_yaml(), board.check(), board._repr_html_(), load_any(board)\n"
        "heavy = {'ruamel.yaml', 'asyncio', 'httpx', 'boto3', 'prefect', 'av'} & set(sys.modules)\n"
        "sys.exit(', '.join(heavy) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


SCRIPT = """\
from pathlib import Path
from longtake.storyboard import Approval, Scene, Shot, Sound, Storyboard, Transition, load_any

shots: list[Shot] = [Shot("a", "A", duration=8), Shot(id="b", prompt="B", continue_from=None)]
board = Storyboard(
    title="T",
    references={"keeper": Path("keeper.png"), "sea": "https://example.com/sea.png"},
    scenes=[Scene("one", shots, transition={"kind": "cut"}), {"id": "two", "shots": [{"id": "c"}]}],
    sound={"loudness": -16},
    approval=Approval(before=["spending"]),
)
text: str = Storyboard.from_yaml(board.to_yaml()).to_yaml()
Scene("two", tuple(shots), transition=Transition(kind="crossfade", seconds=1))
load_any({"title": "T"}, base=Path())
Shot("a", duration="x")  # no
Shot(id="a", promt="x")  # no
Shot()  # no
Shot("a", pick="worst")  # no
Scene("a", [1])  # no
Storyboard(title="T")  # no
Storyboard(title="T", scenes=[], sound={"lodness": -16})  # no
Scene("a", [Shot("b")], transition={"kind": "fold"})  # no
"""


@pytest.mark.slow
def test_a_type_checker_knows_what_a_script_may_write(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    command = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "--config-file=", "script.py"]
    env = {**os.environ, "MYPYPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    wrong = {int(line.split(":")[1]) for line in done.stdout.splitlines() if ": error:" in line}
    assert wrong == {number for number, line in enumerate(SCRIPT.splitlines(), 1) if line.endswith("# no")}, done.stdout
