"""A storyboard built in Python: what its models take and refuse, what a check says, and what else may be done with its values."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any, Required, get_origin, get_type_hints

import cloudpickle
import pytest
from lighthouse import lighthouse
from pydantic import TypeAdapter, ValidationError

from longtake import storyboard
from longtake.catalog import Catalog
from longtake.errors import StoryboardError
from longtake.request import resolve
from longtake.storyboard import Approval, Generation, Scene, Shot, Sound, Storyboard, Transition, load_any

ROOT = Path(__file__).parents[2]


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
        fields = getattr(sys.modules[model.__module__], f"{model.__name__}Fields")
        named = {field.alias or name: field.is_required() for name, field in model.model_fields.items()}
        hints = get_type_hints(fields, include_extras=True)
        required = {name for name, hint in hints.items() if get_origin(hint) is Required}
        assert set(hints) == set(named)
        assert required == {name for name, is_required in named.items() if is_required} - {"schema"}


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
