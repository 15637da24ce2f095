"""Labels of storyboards, rows and runs are kept with what is bought, and change nothing of what is bought."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from accounts import PRICE

from longtake import FilmSet, Observer, Storyboard, Studio
from longtake.cli import main
from longtake.errors import SettingsError, StoryboardError

HOSTILE = "[red]*x*[/] | {{ a }} <b>"


def board(account, **labels):
    return {
        "schema": "longtake/1",
        "title": "Labeled",
        "model": "seedance-2.5",
        "defaults": {"resolution": "480p", "size": "16:9", "duration": 1, "generate_audio": False},
        "labels": labels,
        "scenes": [{"id": "s", "shots": [{"id": "own", "prompt": f"{account.marker} lamp, wide shot"}]}],
    }


def film_set(account, *names, labels=(), **template):
    made = board(account, **template)
    made["title"] = "Film {{ sku }}"
    made["scenes"][0]["shots"][0]["prompt"] = f"{account.marker} {{{{ name }}}}, wide shot"
    rows = [{"sku": f"k{i}", "name": name, "team": f"t{i}"} for i, name in enumerate(names)]
    return FilmSet("Labeled set", storyboard=made, rows=rows, key="sku", labels=labels)


def sums(studio, by):
    return {line.label: line.settled for line in studio.credits(by=by)}


def test_labels_of_a_run_go_before_those_of_its_storyboard(account):
    class Seen(Observer):
        def notify(self, event):
            seen.setdefault(event.name, event.data)

    seen = {}
    studio = Studio.from_env(observers=[Seen()])
    given = board(account, campaign="autumn", cost_center="4711")
    film = studio.make_sync(given, labels={"campaign": "winter", "team": "a"})
    wanted = {"campaign": "winter", "cost_center": "4711", "team": "a"}
    assert json.loads(Path(film.manifest).read_text())["labels"] == wanted
    assert [seen[name]["labels"] for name in ("film.started", "attempt.accepted", "take.kept", "film.ready")] == [
        wanted
    ] * 4
    assert sums(studio, "cost_center") == {"4711": PRICE}
    assert sums(studio, "campaign") == {"winter": PRICE}


def test_a_change_of_labels_buys_nothing(account, studio):
    studio.make_sync(board(account, campaign="autumn"))
    again = studio.make_sync(board(account, campaign="spring"), labels={"team": "b"})
    assert (again.cost.charged, account.bought()) == (0, {"lamp": 1})
    assert sums(studio, "campaign") == {"autumn": PRICE}


def test_the_more_specific_label_counts_for_the_films_of_a_set(account, studio):
    given = film_set(account, "lamp", "chair", labels=["team"], campaign="{{ name }}", team="all", place="b")
    result = studio.make_set_sync(given, labels={"place": "run"})
    assert [film.labels for film in result.films] == [
        {"campaign": "lamp", "team": "t0", "place": "run"},
        {"campaign": "chair", "team": "t1", "place": "run"},
    ]
    assert sums(studio, "team") == {"t0": PRICE, "t1": PRICE}
    assert sums(studio, "place") == {"run": 2 * PRICE}
    assert studio.make_set_sync(given, labels={"place": "elsewhere"}).charged == 0


def test_text_of_a_label_is_shown_as_it_is(account, studio, capsys):
    studio.make_sync(board(account, campaign=HOSTILE))
    assert sums(studio, "campaign") == {HOSTILE: PRICE}
    main(["credits", "--by", "campaign"])
    assert HOSTILE in capsys.readouterr().out


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ({"": "x"}, 'the label name "" cannot be used'),
        ({"a=b": "x"}, 'the label name "a=b" cannot be used'),
        ({"x" * 65: "x"}, 'the label name "xx'),
        ({"a": ""}, 'a is ""'),
        ({"a": "x" * 201}, 'a is "xx'),
        ({"a": 4711}, "a is 4711; allowed: up to 20 names"),
        ({f"l{i}": "x" for i in range(21)}, "labels is {"),
    ],
)
def test_labels_have_limits(account, studio, labels, said):
    with pytest.raises(StoryboardError) as raised:
        studio.plan(board(account, **labels))
    assert said in str(raised.value)
    with pytest.raises(SettingsError, match="cannot be used"):
        studio.make_sync(board(account), labels=labels)
    assert account.bought() == {}


def test_a_row_whose_label_is_too_long_is_named(account, studio):
    with pytest.raises(StoryboardError) as raised:
        studio.plan_set(film_set(account, "lamp", "x" * 201, labels=["name"]))
    assert 'row 2, key "k1", column name: the label "name" cannot be used' in str(raised.value)


@pytest.mark.parametrize("words", [["campaign"], ["=x"], ["a=1", "a=2"]])
def test_the_command_refuses_what_is_not_a_label(account, tmp_path, capsys, words):
    path = tmp_path / "film.yaml"
    path.write_text(Storyboard.model_validate(board(account)).to_yaml())
    assert main(["run", str(path), *(word for label in words for word in ("--label", label))]) == 2
    assert "label" in capsys.readouterr().err
