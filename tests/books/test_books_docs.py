"""The page of the books names every table, column and view, in order; its SQL runs; the views say what the rows say."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pytest
from exported_books import Exported

import longtake as lt
from longtake import books

DOCS = Path(__file__).resolve().parents[2] / "docs"
REFERENCE = (DOCS / "reference/books.md").read_text(encoding="utf-8")


def section(name):
    return REFERENCE.partition(f"\n## {name}\n")[2].partition("\n## ")[0]


def names(section):
    cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return [name for cell in cells for name in re.findall(r"`(\w+)`", cell)]


@pytest.mark.parametrize("table", books.TABLES)
def test_every_column_is_in_the_reference(table):
    assert sorted(names(section(table))) == sorted(column.name for column in books.TABLES[table].columns)


def test_every_view_is_in_the_reference_and_the_version():
    assert names(section("Views")) == re.findall(r"CREATE OR REPLACE VIEW (\w+)", books.views())
    assert f"`{books.SCHEMA}`" in REFERENCE


def test_the_sql_of_the_guide_runs(store, tmp_path, history):
    history.go_on(80)
    Exported(store, tmp_path / "books", "duckdb").export()
    page = (DOCS / "how-to/books.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"```sql\n(.*?)```", page, re.DOTALL)
    with duckdb.connect(str(tmp_path / "books" / "books.duckdb")) as connection:
        found = [connection.execute(statement).fetchall() for statement in text.split(";") if statement.strip()]
    assert len(found) == 5
    assert dict(found[0]).keys() == {"autumn", "winter"}


def test_the_python_of_the_guide_finds_what_it_draws(tmp_path, history):
    history.go_on(80)
    page = (DOCS / "how-to/books.md").read_text(encoding="utf-8")
    (query,) = re.findall(r'sql\("""(.*?)"""\)', page, re.DOTALL)
    connection = duckdb.connect()
    for name, table in lt.Studio(store=str(tmp_path / "store")).books().items():
        connection.register(name, table)
    connection.execute(books.views())
    found = connection.sql(query)
    assert set(found.columns) == {"day", "autumn", "winter"}
    assert len(found.fetchall()) == 1


def test_the_views_say_what_the_rows_say(store, tmp_path, history):
    history.go_on(200)
    exported = Exported(store, tmp_path / "books", "parquet")
    exported.export()
    rows = exported.rows("attempts")
    settled = [row for row in rows if row["state"] == "settled"]
    drift = exported.sql(
        "SELECT sum(estimate) AS estimate, sum(settled) AS settled, sum(difference) AS d FROM price_drift"
    )
    estimate, charged = (sum(int(row[name]) for row in settled) for name in ("estimate", "settled"))
    assert drift == [{"estimate": estimate, "settled": charged, "d": charged - estimate}]
    for view in exported.sql("FROM refund_rate"):
        refunded = [row for row in rows if row["state"] == "refunded" and row["model"] == view["model"]]
        assert view["refunded_attempts"] == len(refunded) > 0
        assert view["rate"] == pytest.approx(len(refunded) / view["attempts"])
    retaken = exported.sql("SELECT sum(takes) AS takes, sum(retakes) AS retakes FROM retake_rate")
    assert retaken == [{"takes": len(settled), "retakes": sum(int(row["take"]) > 1 for row in settled)}]
    times = exported.sql("SELECT sum(attempts) AS n, bool_and(p50 > 0 AND p50 <= p95) AS right FROM post_to_done")
    assert times == [{"n": len(settled), "right": True}]
    state = history.ledger.read()
    opened = {row["attempt"]: row["state"] for row in exported.sql("FROM open_attempts")}
    holding = {name: one.phase for name, one in state.attempts.items() if one.phase != "completed"}
    assert opened == holding
