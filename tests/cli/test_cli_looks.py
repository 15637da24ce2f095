"""`longtake doctor` without a server: what it looks at, and what stops a run."""

from __future__ import annotations

import json

import pytest
from commands import KEY

pytestmark = pytest.mark.usefixtures("settings")


def test_the_doctor_looks_at_everything_without_a_key(longtake):
    code, out, _ = longtake("doctor", "--json")
    found = {f["name"]: f["state"] for f in json.loads(out)["findings"]}
    assert code == 0
    assert {name: found[name] for name in ("python", "ffmpeg", "catalog", "store")} == {
        "python": "ok", "ffmpeg": "ok", "catalog": "ok", "store": "ok",
    }  # fmt: skip
    assert found["key"] == "warn"


def test_the_doctor_warns_of_rates_that_are_old(longtake, settings, tmp_path):
    settings.setenv("LONGTAKE_CATALOG", str(tmp_path / "mine.yaml"))

    def rates(text):
        (tmp_path / "mine.yaml").write_text(text)
        code, out, _ = longtake("doctor", "--json")
        assert code == 0
        return next((f["state"], f["text"]) for f in json.loads(out)["findings"] if f["name"] == "rates")

    old = "{480p: {usd: '0.5', as_of: 2020-01-01, source: mine}}"
    state, text = rates(f"models: {{seedance-2.5: {{rates: {old}}}}}")
    assert state == "warn"
    assert "the oldest, of seedance-2.5, is" in text
    assert rates("billing: {stale_days: 100000}") == ("ok", "none was seen more than 100000 days ago")


def test_the_doctor_names_what_stops_a_run(longtake, settings):
    settings.setenv("LONGTAKE_API_KEY", KEY)
    settings.setenv("LONGTAKE_FFMPEG", "/nowhere/ffmpeg")
    settings.setenv("LONGTAKE_STORE", "ftp://films")
    code, out, _ = longtake("doctor")
    assert code == 2
    assert " bad  ffmpeg: " in out
    assert " bad  store: " in out
    assert KEY not in out
