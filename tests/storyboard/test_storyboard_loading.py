"""Reading a storyboard: what comes out, and that every mistake is named with its place."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path

import pytest

from longtake import storyboard
from longtake.errors import StoryboardError

GOOD = """\
schema: longtake/1
title: The Lighthouse
model: seedance-2.5
defaults: {resolution: 480p, size: 16:9, duration: 5, generate_audio: true}
budget: 9000
references: {keeper: refs/keeper.png}
scenes:
  - id: dawn
    shots:
      - {id: rocks, prompt: "Waves break"}
      - id: wakes
        prompt: >-
          The keeper
          opens his eyes
        duration: 8
  - id: storm
    transition: {kind: crossfade, seconds: 0.5}
    shots:
      - {id: lamp, prompt: "@keeper lights the lamp", references: [keeper], takes: 2}
      - {id: beam, prompt: "The beam", continue_from: lamp}
      - {id: sea, prompt: no, continue_from: null}
sound: {loudness: -16, music: score.wav}
"""
HERE = Path("/nowhere")


def parse(text, name="film.yaml"):
    return storyboard.parse(text, name=name, base=HERE)


def problems(text):
    with pytest.raises(StoryboardError) as caught:
        parse(text)
    return caught.value.problems


def shots(*lines, head=""):
    body = "\n".join(f"      - {line}" for line in lines)
    return f"schema: longtake/1\ntitle: T\n{head}scenes:\n  - id: one\n    shots:\n{body}\n"


def test_reads_values_as_yaml_1_2_and_keeps_lines():
    loaded = parse(GOOD)
    board = loaded.board
    assert board.defaults.size == "16:9"
    assert board.scenes[1].shots[2].prompt == "no"
    assert board.scenes[0].shots[1].prompt == "The keeper opens his eyes"
    assert board.scenes[1].transition.seconds == 0.5
    assert loaded.line(("scenes", 0, "shots", 0, "prompt")) == 10
    assert loaded.line(("scenes", 0, "shots", 1, "duration")) == 15
    assert loaded.line(("scenes", 0, "shots", 1, "size")) == 11
    assert loaded.line(("nothing",)) == 1
    assert (loaded.name, loaded.base, loaded.problems) == ("film.yaml", HERE, ())


def test_an_unset_continuation_is_not_a_null_one():
    board = parse(GOOD).board
    assert storyboard.parents(board) == [None, 0, None, 2, None]


def test_json_reads_the_same_even_indented_with_tabs_and_with_surrogate_pairs():
    data = parse(GOOD).board.model_dump(mode="json", by_alias=True, exclude_unset=True)
    data["title"] = "The \U0001f3e0"
    text = json.dumps(data, indent="\t")
    assert "\\ud83c" in text
    loaded = parse(text)
    assert loaded.board.title == "The \U0001f3e0"
    assert loaded.board.scenes == parse(GOOD).board.scenes
    assert loaded.line(("title",)) == 3


def test_loads_a_file_and_resolves_against_its_folder(tmp_path):
    path = tmp_path / "film.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    loaded = storyboard.load(path)
    assert loaded.base == tmp_path
    assert loaded.name == str(path)
    assert pickle.loads(pickle.dumps(loaded)).board == loaded.board  # noqa: S301 - our own bytes


def test_a_problem_names_file_line_shot_and_what_is_allowed():
    (problem,) = problems(shots("{id: lamp, prompt: a, takes: 40}"))
    assert str(problem) == "film.yaml:6: shot lamp: takes is 40; allowed: 1 to 10"


def test_the_error_lists_all_in_file_order_and_says_what_to_do():
    with pytest.raises(StoryboardError) as caught:
        parse(shots("{id: a, takes: 0}", "{id: b, wrong: 1}", head="budget: -1\n"))
    assert [problem.line for problem in caught.value.problems] == [3, 7, 8]
    text = str(caught.value)
    assert text.startswith("film.yaml has 3 problems\n  film.yaml:3: budget is -1; allowed: a whole number of credits")
    assert "longtake plan" in text
    assert pickle.loads(pickle.dumps(caught.value)).problems == caught.value.problems  # noqa: S301 - our own bytes


@pytest.mark.parametrize(
    ("text", "line", "shot", "says", "allowed"),
    [
        (shots("{id: a, duratoin: 5}"), 6, "a", 'the key "duratoin" is unknown (did you mean duration?)', "prompt"),
        (shots("{id: a, duration: '5'}"), 6, "a", 'duration is "5"', "a whole number of seconds"),
        (shots("{id: a, duration: 5.5}"), 6, "a", "duration is 5.5", "a whole number of seconds"),
        (shots("{id: a, generate_audio: yes}"), 6, "a", 'generate_audio is "yes"', "true or false"),
        (shots("{id: a, takes: true}"), 6, "a", "takes is true", "1 to 10"),
        (shots("{id: a, size: }"), 6, "a", "size is empty", "a ratio"),
        (shots("{id: a, references: keeper}"), 6, "a", 'references is "keeper"', "a list of names"),
        (shots("{id: a, references: [5]}"), 6, "a", "number 1 of references is 5", "a list of names"),
        (shots("{id: a, references: [keeper]}"), 6, "a", 'the reference "keeper" is unknown', "none"),
        (shots("{id: a, id: b}"), 6, "a", 'the key "id" is there twice', "once"),
        (shots("{id: a}", "{id: a}"), 7, "a", "the id a is already that of line 6", "no other shot"),
        (shots("{id: a, continue_from: b}", "{id: c}"), 6, "a", 'continue_from names "b"', "one of c"),
        (shots("{id: a, continue_from: a}"), 6, "a", "a continues a", "does not lead back"),
        (shots("{id: Bad Id}"), 6, '"Bad Id"', 'id is "Bad Id"', "a-z"),
        (shots("{prompt: x}"), 6, "number 1", "id is missing", "a-z"),
        (shots("5"), 6, "number 1", "number 1 of shots is 5", "id"),
        (shots('{id: a, prompt: "a\\0b"}'), 6, None, "U+0000", "printable"),
        (shots("{id: a, prompt: !!python/object x}"), 6, None, "tag", "without tags"),
        (shots("{id: a}", head="references: {image1: a.png}\n"), 3, None, "image1", "other than"),
        (shots("{id: a}", head="references: {'a b': a.png}\n"), 3, None, '"a b"', "a name is"),
        (shots("{id: a}", head="references: {a: }\n"), 3, None, "a is empty", "a name is"),
        (shots("{id: a}", head="sound: {loudness: 3}\n"), 3, None, "loudness is 3", "-70 to -5"),
        (shots("{id: a}").replace("longtake/1", "longtake/9"), 1, None, 'schema is "longtake/9"', "longtake/1"),
        (shots("{id: a}").replace("title: T", "titel: T"), 1, None, "title is missing", "text"),
        ("schema: longtake/1\ntitle: T\nscenes: []\n", 3, None, "scenes is []", "1 or more"),
        ("a: [1\n", 2, None, "this is not YAML", "YAML 1.2 or JSON"),
        ("a: 1\n---\nb: 2\n", 2, None, "second document", "one document"),
        ("", 1, None, "empty", "a mapping"),
        ("- a\n", 1, None, "not a storyboard", "a mapping"),
        ("a: b\x07", 1, None, "U+0007", "printable"),
        ("? [a]\n: 1", 1, None, "cannot be a key", "text"),
    ],
)
def test_each_mistake_is_named_with_its_line_its_shot_and_what_is_allowed(text, line, shot, says, allowed):
    found = [one for one in problems(text) if says in one.message]
    assert [(one.line, one.shot) for one in found] == [(line, shot)]
    assert allowed in found[0].allowed


@pytest.mark.parametrize(
    ("transition", "says"),
    [
        ("{kind: crossfade}", "a crossfade needs its length"),
        ("{kind: cut, seconds: 1}", "a cut has no length"),
        ("{kind: crossfade, seconds: 6}", "seconds is 6"),
        ("{kind: wipe}", 'kind is "wipe"'),
        ("{seconds: 1}", "kind is missing"),
        ("dissolve", 'transition is "dissolve"'),
    ],
)
def test_an_unusable_transition_is_named_with_its_line(transition, says):
    text = shots("{id: a}") + f"  - id: two\n    transition: {transition}\n    shots: [{{id: b}}]\n"
    (problem,) = problems(text)
    assert (problem.line, problem.message) == (8, says)


def test_the_first_scene_has_nothing_to_fade_from():
    text = shots("{id: a}").replace("id: one", "id: one\n    transition: {kind: crossfade, seconds: 1}")
    (problem,) = problems(text)
    assert problem.line == 5


def test_a_mistake_brings_no_others_with_it():
    """The stand-ins for what is broken must not be blamed themselves."""
    text = shots(
        "{id: Oh No, prompt: a}",
        "{id: b, continue_from: Oh No}",
        "{id: c, references: [ghost, ok], prompt: x}",
        head="references: {ok: 5}\n",
    )
    assert [one.line for one in problems(text)] == [3, 7, 8, 9]


def test_a_long_ring_is_named_once():
    ring = [f"{{id: s{number}, continue_from: s{(number + 1) % 50}}}" for number in range(50)]
    (problem,) = problems(shots(*ring))
    assert (problem.line, problem.shot) == (6, "s0")


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
        + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}' if n else '*a'] * 10)}]\n" for n in range(8)),
        "[" * 100_000,
        "{a: " * 5_000,
        "a: " + "[" * 31 + "]" * 31,
        "- " * 10_000,
        "a: &a [*a]",
        "a: *missing",
        "*a : 1",
        "x: [&a [" + "1," * 300 + "]" + ", *a" * 200 + "]",
        "".join(f"k{n}: &k{n} [{f'*k{n - 1}' if n else ''}]\n" for n in range(40)),
    ],
    ids=["bomb", "brackets", "braces", "levels", "dashes", "itself", "dangling", "alias-key", "values", "alias-levels"],
)
def test_hostile_texts_end_in_one_problem(text):
    assert len(problems(text)) == 1


def test_anchors_of_modest_size_work():
    text = shots("&a {id: a, prompt: x}", "{id: b, prompt: &p 'again'}", "{id: c, prompt: *p}")
    assert parse(text).board.scenes[0].shots[2].prompt == "again"


@pytest.mark.parametrize("kind", ["missing", "folder", "large", "latin", "fifo", "nul"])
def test_a_file_that_is_not_a_storyboard_is_an_error(tmp_path, kind):
    path = tmp_path / "film.yaml"
    if kind == "folder":
        path.mkdir()
    elif kind == "large":
        path.write_bytes(b"#" * (2 * 1024 * 1024 + 1))
    elif kind == "latin":
        path.write_bytes(b"title: caf\xe9")
    elif kind == "fifo":
        os.mkfifo(path)
    with pytest.raises(StoryboardError) as caught:
        storyboard.load("a\0b" if kind == "nul" else path)
    (problem,) = caught.value.problems
    assert "up to 2 MB" in problem.allowed


def test_a_draft_keeps_its_problems():
    loaded = storyboard.draft_text(shots("{id: a, takes: 99, prompt: x}"), name="f", base=HERE)
    assert len(loaded.problems) == 1
    assert loaded.board.scenes[0].shots[0].takes == 1
    assert loaded.is_broken(("scenes", 0, "shots", 0, "takes"))


def test_a_slug_is_short_ascii_in_lower_case():
    assert storyboard.slug("The Lighthouse – Part 2") == "the-lighthouse-part-2"
    assert storyboard.slug("灯台") == "film"
    assert storyboard.slug("Été, " + "x" * 100).startswith("ete-xxx")
    assert len(storyboard.slug("ab " * 100)) <= 60
