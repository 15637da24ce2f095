"""Any cut of the exported tables is what `longtake credits` says, and what the provider's own books say, to the credit."""

from __future__ import annotations

import json
import typing

import pytest
from emulators import small_catalog
from exported_books import NUMBERS, Exported, History, sums

import longtake as lt
from longtake import books
from longtake import store as stores
from longtake.cli import main
from longtake.ledger import accounts
from longtake.ledger import attempt as attempts

CUTS = [(), ("film",), ("film", "scene", "shot"), ("day",)]


def told(ledger, by, **options):
    """What `longtake credits` sums by these names, without lines of zeros."""
    lines = accounts.grouped(accounts.lines(ledger, **options), by)
    found = {tuple(getattr(line, name) for name in by): tuple(getattr(line, n) for n in NUMBERS) for line in lines}
    return {key: value for key, value in found.items() if any(value)}


@pytest.mark.parametrize("form", ["parquet", "csv", "duckdb"])
@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
def test_every_cut_is_what_the_ledger_says_after_every_export(store, tmp_path, form, seed):
    history, exported = History(store, seed), Exported(store, tmp_path / "books", form)
    for steps in (40, 1, 25, 70):
        history.go_on(steps)
        exported.export()
        rows = exported.rows("attempts")
        for by in CUTS:
            assert sums(rows, *by) == told(history.ledger, by)
        for row in rows:
            row["label"] = json.loads(row["labels"].replace("'", '"')).get("campaign", "(none)")
        assert sums(rows, "label") == told(history.ledger, ("label",), label="campaign")


def test_the_ledgers_of_these_tests_end_attempts_in_every_way(tmp_path):
    outcomes, phases = set(), set()
    for seed in range(3):
        history = History(stores.open(str(tmp_path / str(seed))), seed).go_on(136)
        outcomes |= {closed.outcome for closed in history.ledger.log.history()}
        phases |= {attempt.phase for attempt in history.ledger.read().attempts.values()}
    assert outcomes == set(typing.get_args(attempts.AttemptOutcome))
    assert phases >= {"intent", "accepted", "completed", "in_doubt"}


def test_exports_in_many_steps_come_to_the_same_as_one(store, tmp_path):
    history = History(store, 7)
    often = Exported(store, tmp_path / "often", "parquet")
    for _ in range(6):
        history.go_on(15)
        often.export()
    history.close_all()
    often.export()
    once = Exported(store, tmp_path / "once", "duckdb")
    once.export()
    for table in ("entries", "takes", "balances"):
        assert often.rows(table) == once.rows(table)
    closed = ("attempt", "state", "labels", "posted_at", "done_at", "basis")
    assert sums(often.rows("attempts"), *closed) == sums(once.rows("attempts"), *closed)


def test_arrow_tables_say_the_same_without_an_export(store, tmp_path):
    history = History(store, 3).go_on(120)
    tables = lt.Studio(store=str(tmp_path / "store")).books()
    assert set(tables) == set(books.TABLES)
    rows = [row | {"day": str(row["day"])} for row in tables["attempts"].to_pylist()]
    for by in CUTS:
        assert sums(rows, *by) == told(history.ledger, by)
    assert tables["entries"].num_rows == history.ledger.read().head
    assert not any(row["reversal"] for row in rows)


def test_kept_takes_come_to_what_was_settled_and_entries_are_all_there(store, tmp_path, history):
    history.go_on(150)
    exported = Exported(store, tmp_path / "books", "duckdb")
    exported.export()
    (found,) = exported.sql(
        "SELECT (SELECT sum(credits) FROM takes) AS takes, (SELECT sum(settled) FROM attempts WHERE state = 'settled') AS settled,"
        " (SELECT count(*) FROM entries) AS entries, (SELECT max(sequence) FROM entries) AS last"
    )
    assert found["takes"] == found["settled"] > 0
    assert found["entries"] == found["last"] == history.ledger.read().head


def test_every_account_of_the_store_is_there_and_none_is_mixed_up(store, tmp_path):
    one, other = History(store, 1).go_on(30), History(store, 2, account="elsewhere.example-ba9876543210").go_on(40)
    exported = Exported(store, tmp_path / "books", "parquet")
    assert set(exported.export().accounts) == {one.ledger.account, other.ledger.account}
    for history in (one, other):
        rows = [row for row in exported.rows("attempts") if row["account"] == history.ledger.account]
        assert sums(rows) == told(history.ledger, ())


@pytest.mark.slow
def test_the_tables_say_what_the_providers_own_books_say(open_account, tmp_path, monkeypatch, capsys):
    fault = {"where": "submit", "what": "fail-80003", "match": "a storm", "times": 1}
    account = open_account(fault, catalog=small_catalog(tmp_path / "few-pixels.json"))
    for name, value in account.env.items():
        monkeypatch.setenv(name, value)
    studio = lt.Studio.from_env()
    shots = [lt.Shot("calm", "a calm sea"), lt.Shot("storm", "a storm")]
    board = lt.Storyboard(
        title="Sea", model="seedance-2.5", scenes=[lt.Scene("one", shots)],
        defaults={"resolution": "480p", "size": "16:9", "duration": 1, "generate_audio": False},
    )  # fmt: skip
    film = studio.make_sync(board)
    moves = account.books()["entries"]
    assert main(["credits", "--json"]) == 0
    credits = json.loads(capsys.readouterr().out)
    for form in ("parquet", "csv", "duckdb"):
        assert main(["books", "export", "--to", str(tmp_path / form), "--format", form, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["rows"]["attempts"] == 3
        exported = Exported(studio.settings.store, tmp_path / form, form)
        total = dict(zip(NUMBERS, sums(exported.rows("attempts"))[()], strict=True))
        assert total == {name: credits["total"][name] for name in NUMBERS}
        by_kind = {kind: sum(move["credits"] for move in moves if move["kind"] == kind) for kind in ("debit", "refund")}
        assert total["refunded"] == by_kind["refund"] > 0
        assert total["settled"] == by_kind["debit"] - by_kind["refund"]
        (row,) = exported.rows("films")
        assert (row["film"], row["shots"], row["used_takes"]) == ("sea", "2", str(total["settled"]))
        assert [shot["shot"] for shot in exported.rows("shots")] == ["calm", "storm"]
        takes = exported.rows("takes")
        assert {(take["shot"], take["resolution"], float(take["seconds"]) > 0) for take in takes} == {
            ("calm", "480p", True),
            ("storm", "480p", True),
        }
    assert film.cost.charged - film.cost.refunded == total["settled"]
    (seen,) = exported.sql("SELECT * FROM cost_per_kept_second")
    assert seen["credits"] == total["settled"]
