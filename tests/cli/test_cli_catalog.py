"""`longtake catalog`: the models, their limits and rates, and how old the rates are."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from longtake.catalog import Catalog

pytestmark = pytest.mark.usefixtures("settings")


def test_the_catalog_lists_every_model_with_its_rates(longtake):
    code, out, err = longtake("catalog")
    assert (code, err) == (0, "")
    for model in Catalog.load().models:
        assert f"{model} " in out
    found = json.loads(longtake("catalog", "--json")[1])
    assert [model["id"] for model in found["models"]] == list(Catalog.load().models)


def test_the_catalog_shows_one_model_whole(longtake):
    code, out, _ = longtake("catalog", "seedance-2.0-mini")
    assert code == 0
    assert "size: aspect_ratio" in out
    assert json.loads(longtake("catalog", "seedance-2.0-mini", "--json")[1])["fields"]["size"] == "aspect_ratio"


def test_the_catalog_names_the_model_that_was_meant(longtake):
    code, _, err = longtake("catalog", "seedance-2.0-mimi")
    assert code == 2
    assert "did you mean seedance-2.0-mini" in err


def test_the_catalog_is_shown_with_a_file_of_ones_own_and_marks_its_old_rates(longtake, settings, tmp_path):
    settings.setenv("LONGTAKE_CATALOG", str(tmp_path / "mine.yaml"))
    rate = "{usd: '0.5', as_of: %s, source: mine}"
    text = f"models:\n  old: {{family: seedance-2.5, rates: {{480p: {rate % '2020-01-01'}}}}}\n"
    text += f"  new: {{family: seedance-2.5, rates: {{480p: {rate % datetime.now(UTC).date()}}}}}\n"
    (tmp_path / "mine.yaml").write_text(text)
    rates = {one: json.loads(longtake("catalog", one, "--json")[1])["rates"][0] for one in ("old", "new")}
    assert (rates["old"]["old"], rates["new"]["old"]) == (True, False)
    assert "! seen more than 30 days ago" in longtake("catalog", "old")[1]
    assert "30 days ago" not in longtake("catalog", "new")[1]
