"""Tables as Parquet: rows that a set reads, and the results that it leaves, with the extra `data`."""

from __future__ import annotations

import csv
import datetime as dt
import decimal
import io
import json
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from longtake import film_set as sets
from longtake.errors import SettingsError, StoryboardError
from longtake.film_set import FilmOutcome, FilmSet, SetResult
from longtake.film_set import rows as tables

TEMPLATE = {
    "schema": "longtake/1", "title": "{{ name }}", "model": "seedance-2.5", "defaults": {"resolution": "480p"},
    "scenes": [{"id": "s", "shots": [{"id": "one", "prompt": "{{ name }} {{ note }}", "duration": "{{ seconds }}"}]}],
}  # fmt: skip
ROWS = [
    {"sku": "a1", "name": "Lamp", "seconds": 5, "note": dt.date(2026, 11, 1)},
    {"sku": "a2", "name": "Chair = 1", "seconds": 8, "note": dt.date(2026, 11, 2)},
]


def parquet(rows):
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), sink)
    return sink.getvalue()


def film_set(folder, rows):
    folder.write("product.json", json.dumps(TEMPLATE))
    folder.write("rows.parquet", rows if isinstance(rows, bytes) else parquet(rows))
    folder.write("set.yaml", json.dumps({
        "schema": "longtake-set/1", "title": "Autumn", "storyboard": "product.json", "rows": "rows.parquet", "key": "sku",
    }))  # fmt: skip
    return folder.path / "set.yaml"


def test_a_parquet_file_gives_the_films_that_its_rows_give_in_python(folder):
    plan = folder.studio.plan_set(film_set(folder, ROWS))
    same = FilmSet("Autumn", storyboard=TEMPLATE, rows=pa.Table.from_pylist(ROWS), key="sku")
    assert [(film.key, film.expected) for film in plan.films] == [
        (film.key, film.expected) for film in folder.studio.plan_set(same).films
    ]
    assert len({film.expected for film in plan.films}) == 2


def test_dates_times_and_decimals_are_text_and_missing_values_are_empty():
    row = {
        "day": dt.date(2026, 11, 1),
        "at": dt.datetime(2026, 11, 1, 8, tzinfo=dt.UTC),
        "price": decimal.Decimal("9.90"),
    }
    table = tables.of_records(pa.Table.from_pylist([{**row, "no": float("nan")}]).to_pylist(), name="rows")
    assert table.problems == ()
    assert table.rows[0].values == {"day": "2026-11-01", "at": "2026-11-01T08:00:00+00:00", "price": "9.90", "no": None}


@pytest.mark.parametrize("damage", [b"", b"PAR1", b"PAR1" + b"\0" * 100 + b"PAR1", b"a,b\n1,2\n"])
def test_a_damaged_file_is_an_error_that_names_it(folder, damage):
    with pytest.raises(StoryboardError, match=r"rows\.parquet cannot be read"):
        folder.studio.plan_set(film_set(folder, damage))


def test_a_file_that_unpacks_to_too_much_is_refused(folder, monkeypatch):
    monkeypatch.setattr("longtake.film_set.loading.LARGEST_UNPACKED", 1000)
    with pytest.raises(StoryboardError, match="too large"):
        folder.studio.plan_set(film_set(folder, [{**ROWS[0], "sku": f"k{n}"} for n in range(600)]))


def test_a_bad_row_is_named_with_its_columns(folder):
    rows = [{**ROWS[0], "note": {"a": 1}}, {**ROWS[1], "note": {"a": 2}}]
    with pytest.raises(StoryboardError) as error:
        folder.studio.plan_set(film_set(folder, rows))
    assert "row 1" in str(error.value)
    assert "column note" in str(error.value)


def test_without_the_extra_the_error_names_it(folder, monkeypatch):
    place = film_set(folder, ROWS)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(SettingsError) as error:
        folder.studio.plan_set(place)
    assert "longtake[data]" in error.value.next_step


def test_results_are_kept_as_parquet_and_csv_with_the_same_rows(folder, tmp_path):
    from longtake import store as stores

    films = tuple(
        FilmOutcome(key=key, row=n, film=key, title=key, labels={"campaign": label}, state="whole", charged=80 * n)
        for n, (key, label) in enumerate([("a1", "autumn"), ("a2", "=1+1")], 1)
    )
    result = SetResult(set="autumn", title="Autumn", run="r", films=films, charged=240, refunded=0, in_doubt=0)
    store = stores.open(str(tmp_path / "store"))
    kept = sets.keep(store, result)
    found = pq.read_table(kept.place.replace("results.csv", "results.parquet")).to_pylist()
    assert [(row["key"], row["charged"], row["label_campaign"]) for row in found] == [
        ("a1", 80, "autumn"),
        ("a2", 160, "=1+1"),
    ]
    with open(kept.place, newline="", encoding="utf-8") as file:  # noqa: PTH123 - a place is text
        rows = list(csv.DictReader(file))
    assert [row["label_campaign"] for row in rows] == ["autumn", "'=1+1"]
    assert list(rows[0]) == list(found[0])
    assert sets.latest(store, "autumn") == kept
