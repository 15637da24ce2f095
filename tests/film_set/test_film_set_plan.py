"""A film set is judged and priced as a whole: each bad row is named, and takes that films share are priced once."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest

from longtake import film_set
from longtake.catalog import Catalog
from longtake.cli import main
from longtake.errors import StoryboardError
from longtake.film_set import FilmSet
from longtake.ledger import BudgetRefusal

ROWS = 'a1,Lamp,de,5,20 %,Only now\na2,Chair,fr,4,,\na3,"Table ""X""",de,4,no,\n'


def test_each_row_is_a_film_with_its_own_shots_and_price(folder):
    plan = folder.plan(ROWS)
    assert [(film.key, film.film, film.shots, film.reserve) for film in plan.films] == [
        ("a1", "lamp-in-de", 3, 1040),
        ("a2", "chair-in-fr", 1, 320),
        ("a3", "table-x-in-de", 1, 320),
    ]
    assert (plan.rows, plan.to_buy, plan.shared, plan.reserve, plan.fits) == (3, 5, 0, 1680, True)


def test_a_take_that_two_films_need_is_priced_once(folder):
    plan = folder.plan("a1,Lamp,de,5,20 %,\na2,Chair,fr,4,20 %,\n")
    assert [film.to_buy for film in plan.films] == [3, 1]
    assert (plan.to_buy, plan.shared) == (4, 2)


def test_every_bad_row_is_named_with_its_line_and_columns(folder):
    rows = ROWS + "a1,Again,de,5,,\na5,Sofa,de,99,,\na6,x,1\n,Bed,de,4,,\na8,,de,5,yes,\n"
    with pytest.raises(StoryboardError) as raised:
        folder.plan(rows)
    assert [(one.row, one.line, one.key) for one in raised.value.problems] == [
        (4, 5, None),
        (5, 6, "a5"),
        (6, 7, None),
        (7, 8, None),
        (8, 9, "a8"),
    ]
    said = str(raised.value)
    assert 'rows.csv:6: row 5, key "a5", column seconds: duration is 99 (shot hero); allowed: 4 to 15' in said
    assert "column name: the cell is empty" in said
    assert "5 of 8 rows cannot be used" in said


def test_the_other_rows_are_planned_when_bad_ones_are_skipped(folder):
    plan = folder.plan(ROWS + "a5,Sofa,de,99,,\n", skip_bad_rows=True)
    assert [film.key for film in plan.films] == ["a1", "a2", "a3"]
    assert len(plan.bad_rows) == 1
    assert plan.rows == 4


def test_two_rows_with_one_title_are_refused_because_they_would_share_a_film(folder):
    with pytest.raises(StoryboardError) as raised:
        folder.plan("a1,Lamp,de,5,,\na2,lamp,de,5,,\n")
    (problem,) = raised.value.problems
    assert (problem.row, problem.columns) == (2, ("name", "locale"))
    assert "as that of row 1" in problem.message


def test_a_row_adds_no_keys_and_its_text_is_not_markup(folder):
    hostile = '"x\nduration: 15\n{{ seconds }} {% for a in b %} **bold** [l](http://a.b)"'
    loaded = film_set.load(folder.film_set(f"a1,{hostile},de,4,,\n"))
    (film,) = film_set.admit(loaded, Catalog.load()).films
    (shot,) = film.resolved.shots
    assert shot.duration == 4
    assert shot.prompt == "x\nduration: 15\n{{ seconds }} {% for a in b %} **bold** [l](http://a.b) on a table"


def test_json_lines_keep_the_types_of_their_values(folder):
    rows = [
        {"sku": "a1", "name": "Lamp", "locale": "de", "seconds": 6, "offer": True, "note": None},
        {"sku": "a2", "name": "Chair", "locale": "de", "seconds": 4, "offer": False, "note": "x"},
    ]
    plan = folder.plan("".join(json.dumps(row) + "\n" for row in rows), form="jsonl", header="")
    assert [(film.shots, film.seconds > 6) for film in plan.films] == [(3, True), (1, False)]


def test_rows_are_chosen_by_their_columns(folder):
    assert [film.key for film in folder.plan(ROWS, where={"locale": "de"}).films] == ["a1", "a3"]
    assert [film.key for film in folder.plan(ROWS, where={"sku": ["a2", "a3"]}).films] == ["a2", "a3"]


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"key": "id"}, 'key names the column "id"'),
        ({"labels": ["campain"]}, 'labels names the column "campain"'),
        ({"where": {"local": "de"}}, 'where names the column "local"'),
        ({"budget": 0}, "set.yaml:1: budget is 0; allowed: a whole number of credits, more than 0"),
        ({"colour": 1}, 'the key "colour" is unknown'),
        ({"rows": "rows.xlsx"}, "is not a table"),
        ({"rows": "gone.csv"}, "gone.csv cannot be read"),
    ],
)
def test_a_set_with_problems_says_what_is_wrong(folder, keys, said):
    with pytest.raises(StoryboardError) as raised:
        folder.studio.plan_set(folder.film_set(ROWS, **keys))
    assert said in str(raised.value).replace(f"{folder.path}/", "")


def test_labels_are_kept_with_each_film(folder):
    plan = folder.plan(ROWS, labels=["locale", "note"])
    assert plan.films[0].labels == {"locale": "de", "note": "Only now"}


def test_the_budgets_of_the_set_and_of_a_film_are_compared(folder):
    plan = folder.plan(ROWS, budget=1500, film_budget=1000)
    assert plan.refusals == (BudgetRefusal(scope="set", budget=1500, needed=1680, available=1500),)
    assert [film.state for film in plan.films] == ["over budget", "to make", "to make"]
    assert not plan.fits
    assert "the set budget of 1500 credits has 1500 left, 1680 are needed" in str(plan)


def test_a_set_is_built_in_python_from_records(folder):
    rows = [{"sku": 7, "name": "Lamp", "locale": "de", "seconds": 5, "offer": None, "note": float("nan")}]
    given = FilmSet("Autumn", storyboard=folder.path / "product.yaml", rows=rows, key="sku")
    (film,) = folder.studio.plan_set(given).films
    assert (film.key, film.film, film.shots) == ("7", "lamp-in-de", 1)


class Frame:
    """As much of a data frame as `FilmSet` asks for."""

    def to_dict(self, form):
        assert form == "records"
        return [{"sku": "a1", "name": "Lamp", "locale": "de", "seconds": 5, "offer": None, "note": None}]


def test_a_data_frame_gives_its_records(folder):
    given = FilmSet("Autumn", storyboard=str(folder.path / "product.yaml"), rows=Frame(), key="sku")
    assert [film.key for film in folder.studio.plan_set(given).films] == ["a1"]


def test_the_set_of_the_guide_is_planned(folder):
    page = (Path(__file__).parents[2] / "docs/how-to/film-sets.md").read_text(encoding="utf-8")
    film_set_text, template, *_ = re.findall(r"```yaml\n(.*?)```", page, flags=re.DOTALL)
    folder.write("set.yaml", film_set_text)
    folder.write("product.yaml", template.replace('"pictures/{{ sku }}.png"', '"https://example.com/{{ sku }}.png"'))
    folder.write("products.csv", "sku,name,locale,campaign,seconds,offer,note,mood\na1,Lamp,de,autumn,5,20 %,,\n")
    (film,) = folder.studio.plan_set(folder.path / "set.yaml").films
    assert (film.film, film.shots, film.labels) == ("lamp-de", 2, {"campaign": "autumn"})


def test_the_command_writes_the_bad_rows_to_a_file(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder.path)
    monkeypatch.setenv("LONGTAKE_STORE", "store")
    folder.film_set(ROWS + "a5,Sofa,de,99,,\n")
    assert main(["plan", "set.yaml", "--rejects", "rejects.csv"]) == 2
    assert "1 of 4 rows cannot be used" in capsys.readouterr().err
    with Path("rejects.csv").open(newline="", encoding="utf-8") as file:
        (problem,) = csv.DictReader(file)
    assert (problem["row"], problem["key"], problem["columns"]) == ("4", "a5", "seconds")
    assert main(["plan", "set.yaml", "--skip-bad-rows", "--json"]) == 0
    assert [film["key"] for film in json.loads(capsys.readouterr().out)["films"]] == ["a1", "a2", "a3"]


def test_a_plan_is_a_table_of_80_columns(folder):
    text = str(folder.plan(ROWS, labels=["locale"]))
    assert max(map(len, text.splitlines())) <= 80
    assert text.splitlines()[0] == "Autumn: 3 films, 0 of them current, 5 takes to buy"
