"""The catalog shown to people and machines: limits, rates and their age, counted to a given day."""

from __future__ import annotations

import json
from datetime import date, timedelta

import pytest

from longtake.catalog import Catalog
from longtake.errors import CatalogError

CATALOG = Catalog.load()
FACE = "doubao-seedance-2.5-face"
SEEN = date(2026, 9, 14)
"""When the rates of FACE were seen."""


def lines(shown):
    return str(shown).splitlines()


@pytest.mark.parametrize(("days", "old"), [(-3, False), (0, False), (30, False), (31, True), (400, True)])
def test_a_rate_is_old_after_thirty_days(days, old):
    card = CATALOG.card(FACE, today=SEEN + timedelta(days=days))
    assert {rate.days for rate in card.rates} == {max(days, 0)}
    assert {rate.old for rate in card.rates} == {old}
    assert any("more than 30 days ago" in mark for mark in card.marks) == old
    assert (CATALOG.old_rate(FACE, "720p", today=SEEN + timedelta(days=days)) is not None) == old


def test_the_catalog_says_after_how_many_days_a_rate_is_old(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("billing: {stale_days: 5}")
    mine = Catalog.load(path)
    assert mine.old_rate(FACE, "480p", today=SEEN + timedelta(days=5)) is None
    assert mine.old_rate(FACE, "480p", today=SEEN + timedelta(days=6)).days == 6


def test_an_old_rate_says_its_age():
    rate = CATALOG.old_rate(FACE, "720p", today=date(2026, 11, 26))
    assert str(rate) == f"rates of {FACE} are 73 days old (seen 2026-09-14)"


def test_the_overview_names_the_oldest_rate_of_each_model_with_an_old_one():
    day = date(2026, 8, 28)
    old = {rate.model: rate.days for rate in CATALOG.overview(today=day).old}
    assert old["doubao-seedance-2.0-official"] == 36
    assert old["doubao-seedance-2.0"] == 31
    assert "doubao-seedance-2.0-face" not in old
    assert FACE not in old
    assert CATALOG.overview(today=date(2026, 7, 1)).old == ()


def test_a_card_has_modes_limits_fields_and_rates():
    card = CATALOG.card("seedance-2.0-mini", today=SEEN)
    shown = str(card)
    for words in (
        "first and last frame",
        "4 to 15",
        "480p, 720p",
        "size: aspect_ratio",
        '{"enabled": false}',
        "0.06424*",
    ):
        assert words in shown
    assert "2026-07-28" in shown
    assert "none is published" in shown
    face = str(CATALOG.card(FACE, today=SEEN))
    for words in ("or -1", "up to 10, 2 to 30 s each", "0.26683 ", "0.27711*", "0.6 of the plain rate"):
        assert words in face


@pytest.mark.parametrize("model", [None, *CATALOG.models])
def test_everything_fits_80_columns(model):
    shown = CATALOG.overview() if model is None else CATALOG.card(model)
    assert max(map(len, lines(shown))) <= 80


def test_the_table_has_a_row_for_each_model_and_explains_its_marks():
    table = lines(CATALOG.overview(today=SEEN))
    assert table[0].split() == ["model", "s", "480p", "720p", "1080p", "4k", "seen"]
    rows = {line.split()[0]: line.split()[1:] for line in table[1 : 1 + len(CATALOG.models)]}
    assert list(rows) == list(CATALOG.models)
    assert rows[FACE] == ["4-30", "118.6", "266.8", "461.8", "-", "0", "d"]
    assert rows["seedance-2.5-fast"] == ["4-15", "64.2*", "138.2*", "-", "-", "48", "d!"]
    assert any(line.startswith("* planning rate") for line in table)
    assert any(line.startswith("! seen more than 30 days ago") for line in table)


def test_a_fresh_catalog_without_planning_rates_has_no_marks(tmp_path):
    path = tmp_path / "mine.yaml"
    gone = "".join(f"  {name}: null\n" for name in CATALOG.models if name != "doubao-seedance-2.0")
    path.write_text(f"models:\n{gone}")
    shown = str(Catalog.load(path).overview(today=date(2026, 7, 28)))
    assert "*" not in shown
    assert "!" not in shown


def test_cards_are_json_with_amounts_as_the_file_has_them():
    found = json.loads(json.dumps(CATALOG.overview(today=SEEN).as_dict()))
    assert (found["as_of"], found["stale_days"]) == (CATALOG.as_of.isoformat(), 30)
    card = next(one for one in found["models"] if one["id"] == FACE)
    assert card == CATALOG.card(FACE, today=SEEN).as_dict()
    assert card["rates"][2] == {
        "resolution": "1080p",
        "usd": "0.46185",
        "usd_with_video": "0.27711",
        "planning": False,
        "planning_with_video": True,
        "as_of": "2026-09-14",
        "days": 0,
        "old": False,
        "source": "the provider's model page",
        "source_with_video": "0.6 of the plain rate, as at 480p and 720p: none is published",
    }


def test_a_notebook_shows_tables():
    assert CATALOG.overview()._repr_html_().count("<tr>") == len(CATALOG.models) + 1
    assert CATALOG.card(FACE)._repr_html_().count("<tr>") == 4


def test_an_unknown_model_is_an_error_that_names_the_nearest():
    with pytest.raises(CatalogError, match=r"did you mean seedance-2\.0-mini"):
        CATALOG.card("seedance-2.0-mimi")
