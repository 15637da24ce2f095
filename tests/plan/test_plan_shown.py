"""A plan prints in 80 columns, shows as a table in a notebook, and travels between processes."""

from __future__ import annotations

import pickle
from datetime import date

import cloudpickle
import pytest
from pydantic import ValidationError

from longtake import plan, request
from longtake.catalog import Catalog
from longtake.settings import Settings
from longtake.storyboard import Scene, Shot, Storyboard, load_any

CATALOG = Catalog.load()
SETTINGS = Settings(base_url="https://reapi.example/api/v1")


def planned(*shots, title="Plan Me", budget=None, today=None):
    board = Storyboard(title=title, model="seedance-2.5", budget=budget, scenes=[Scene("one", shots)])
    resolved = request.resolve(load_any(board), CATALOG)
    return plan.make(resolved, catalog=CATALOG, store=None, settings=SETTINGS, film="plan-me", today=today)


def test_a_plan_prints_its_shots_and_their_sum():
    made = planned(Shot("rocks", "Waves", duration=5), Shot("wakes", "He wakes", duration=8, takes=2), budget=100)
    lines = str(made).splitlines()
    assert lines[0].startswith("Plan Me: 2 shots, 3 takes to buy, ")
    assert lines[1].split() == ["shot", "state", "to", "buy", "expected", "reserve"]
    assert lines[2].split()[:3] == ["one/rocks", "missing", "1"]
    assert lines[3].split()[:3] == ["one/wakes", "blocked", "2"]
    assert lines[4].split() == ["sum", "3", str(made.expected), str(made.reserve)]
    assert lines[5:7] == [
        "budget: 100 credits, 0 used so far",
        "this does not fit: the film budget of 100 credits has 100 left",
    ]


def test_a_plan_names_the_models_with_old_rates_and_their_age():
    shots = [Shot("a", "A"), Shot("b", "B"), Shot("c", "C", model="doubao-seedance-2.5-face")]
    notes = ["rates of seedance-2.5 are 121 days old (seen 2026-07-28)"]
    notes += ["rates of doubao-seedance-2.5-face are 73 days old (seen 2026-09-14)"]
    made = planned(*shots, today=date(2026, 11, 26))
    assert str(made).splitlines()[-2:] == notes
    assert all(note in made._repr_html_() for note in notes)
    assert [(rate.model, rate.resolution, rate.days) for rate in made.old_rates] == [
        ("seedance-2.5", "480p", 121),
        ("doubao-seedance-2.5-face", "720p", 73),
    ]
    assert made.model_validate_json(made.model_dump_json()) == made


def test_a_plan_with_fresh_rates_says_nothing_of_their_age():
    made = planned(Shot("a", "A"), Shot("b", "B"), today=date(2026, 8, 27))
    assert made.old_rates == ()
    assert "days old" not in str(made)


def test_a_plan_stays_within_80_columns():
    shots = [Shot("s" * 64, "x"), *(Shot(f"s{n}", "x") for n in range(400))]
    lines = str(planned(*shots, title="灯台" * 50)).splitlines()
    assert max(sum(2 if ord(char) > 0x2FFF else 1 for char in line) for line in lines) <= 80
    assert any("and 361 more" in line for line in lines)
    assert len(lines) < 50


def test_a_notebook_shows_a_table_and_no_markup_of_the_user():
    html = planned(Shot("a", "A"), title='<img src=x onerror="alert(1)">$x$').model_copy(deep=True)._repr_html_()
    assert "<img" not in html
    assert "&lt;img" in html
    assert "mathjax_ignore" in html
    assert html.count("<tr>") == 3
    assert "<tfoot>" in html


def test_every_text_of_a_plan_is_escaped():
    made = planned(Shot("a", "A"))
    evil = "<script>alert(1)</script>"
    shot = made.shots[0].model_copy(update={"shot": evil, "state": evil, "attempt": evil})
    html = made.model_copy(update={"shots": (shot,), "in_doubt": (evil,), "title": evil})._repr_html_()
    assert "<script" not in html
    assert html.count("&lt;script") == 4


@pytest.mark.parametrize("pickler", [pickle, cloudpickle], ids=["pickle", "cloudpickle"])
def test_a_plan_and_what_it_was_made_from_pickle(pickler):
    made = planned(Shot("a", "A"), Shot("b", "B"))
    assert pickle.loads(pickler.dumps(made)) == made  # noqa: S301 - our own bytes
    board = Storyboard(title="T", model="seedance-2.5", scenes=[Scene("one", [Shot("a", "A")])])
    resolved = request.resolve(load_any(board), CATALOG)
    assert pickle.loads(pickler.dumps(resolved)) == resolved  # noqa: S301 - our own bytes


def test_a_plan_cannot_be_changed():
    made = planned(Shot("a", "A"))
    with pytest.raises(ValidationError, match="frozen"):
        made.expected = 0
