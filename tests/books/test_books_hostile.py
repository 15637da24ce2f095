"""Names and texts of anyone are data in every form: no formula in a spreadsheet, no SQL, no broken row."""

from __future__ import annotations

import csv

import pytest
from exported_books import Exported, History

from longtake.ledger import accounts

HOSTILE = [
    "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "'); DROP TABLE attempts; --", '"quoted", and more', "two\nlines", "a|b`c",
    "ünïcode 家 🎬", "{{ sku }}", "<script>", "../..", "a=b/c=d", "NULL", "", " ", "%00", "\u2028", "x" * 5000,
]  # fmt: skip


@pytest.fixture
def hostile(store):
    labels = [
        {name or "empty": value, "campaign": name} for name, value in zip(HOSTILE, reversed(HOSTILE), strict=True)
    ]
    history = History(store, 4, labels=labels).go_on(150)
    history.ledger.adjust(-5, who="=cmd|' /C calc'!A0", why="@a\n'; DROP TABLE balances; --")
    return history


def test_no_cell_of_a_csv_is_a_formula(hostile, store, tmp_path):
    exported = Exported(store, tmp_path / "books", "csv")
    exported.export()
    cells = 0
    for path in (tmp_path / "books").rglob("*.csv"):
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                for name, cell in row.items():
                    cells += 1
                    number = cell.lstrip("-").replace(".", "").isdigit()
                    assert number or not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n")), (name, cell)
    assert cells > 1000
    (adjusted,) = [row for row in exported.rows("balances") if row["kind"] == "adjusted"]
    assert adjusted["who"] == "'=cmd|' /C calc'!A0"


@pytest.mark.parametrize("form", ["parquet", "duckdb", "csv"])
def test_labels_come_back_as_they_were(hostile, store, tmp_path, form):
    exported = Exported(store, tmp_path / "books", form)
    exported.export()
    found = {row["labels"] for row in exported.rows("attempts")}
    assert found == {str(labels) for labels in hostile.labels}
    if form != "csv":
        names = {row["label"] for row in exported.sql("SELECT DISTINCT label FROM labels")}
        assert names == {name or "empty" for name in HOSTILE} | {"campaign"}
        rows = exported.sql(
            "SELECT value, sum(attempts) AS n FROM spend_by_label WHERE label = 'campaign' GROUP BY value"
        )
        found = {row["value"]: row["n"] for row in rows}
        expected = told_by_label(hostile.ledger)
        assert found == {value: n for value, n in expected.items() if value != "(none)"} | {"": expected["(none)"]}


def told_by_label(ledger):
    return {
        line.label: line.attempts for line in accounts.grouped(accounts.lines(ledger, label="campaign"), ("label",))
    }


def test_a_place_with_quotes_in_its_name_is_a_place(hostile, store, tmp_path):
    exported = Exported(store, tmp_path / "it's; DROP TABLE x", "parquet")
    exported.export()
    (count,) = exported.sql("SELECT count(*) AS n FROM entries")
    assert count["n"] == hostile.ledger.read().head
