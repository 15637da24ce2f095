"""An export reads what is new, comes to the same tables whenever it was killed, and says before any work what it cannot do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest
from exported_books import Exported, History

from longtake import books
from longtake import store as stores
from longtake.cli import main
from longtake.errors import LedgerGapError, SettingsError

KILLED = """\
import os, signal, sys
from longtake import books, store as stores
from longtake.books.database import Database
from longtake.books.parts import Parts
from longtake.store.local import LocalStore

place, to, form, doors = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])

def counted(call):
    def through(*args, **options):
        global doors
        if doors == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        doors -= 1
        return call(*args, **options)
    return through

LocalStore.put_if_absent = counted(LocalStore.put_if_absent)
Database.write, Database.end = counted(Database.write), counted(Database.end)
books.export(stores.open(place), to, form)
"""
TABLES = ("entries", "attempts", "takes", "balances")


@pytest.mark.parametrize(
    ("form", "doors"),
    [
        ("parquet", 2),
        ("duckdb", 1),
        *(
            pytest.param(*one, marks=pytest.mark.slow)
            for one in (("parquet", 1), ("parquet", 4), ("csv", 3), ("duckdb", 0))
        ),
    ],
)
def test_killed_in_mid_write_and_run_again_it_comes_to_the_same_tables(store, tmp_path, history, form, doors):
    undisturbed, killed = (Exported(store, tmp_path / name, form) for name in ("undisturbed", "killed"))
    history.go_on(60)
    for exported in (undisturbed, killed):
        exported.export()
    history.go_on(60)
    # The mark of the form is a door, too: it is tried again in each run.
    words = [str(tmp_path / "store"), killed.place, form, str(doors + (form != "duckdb"))]
    done = subprocess.run([sys.executable, "-c", KILLED, *words], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    undisturbed.export()
    for _ in range(2):
        killed.export()
        for table in TABLES:
            assert killed.rows(table) == undisturbed.rows(table)
    assert [str(one.relative_to(killed.place)) for table in TABLES for one in killed.parts(table)] == [
        str(one.relative_to(undisturbed.place)) for table in TABLES for one in undisturbed.parts(table)
    ]


def test_a_killed_export_takes_no_newer_entries_into_the_parts_it_began(store, tmp_path, history):
    history.go_on(60)
    exported = Exported(store, tmp_path / "books", "parquet")
    words = [str(tmp_path / "store"), exported.place, "parquet", "3"]
    subprocess.run([sys.executable, "-c", KILLED, *words], capture_output=True, check=False)
    head = history.ledger.read().head
    history.go_on(30)
    exported.export()
    assert {path.name for path in exported.parts("entries")} == {
        f"{1:012d}-{head:012d}.parquet",
        f"{head + 1:012d}-{history.ledger.read().head:012d}.parquet",
    }
    sequences = sorted(int(row["sequence"]) for row in exported.rows("entries"))
    assert sequences == list(range(1, history.ledger.read().head + 1))


class Reads:
    """A store that notes which objects were read."""

    def __init__(self, inner):
        self.inner, self.keys = inner, []

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def get(self, key, **options):
        self.keys.append(key)
        return self.inner.get(key, **options)


@pytest.mark.parametrize("form", ["parquet", "duckdb"])
def test_only_new_entries_are_read(store, tmp_path, history, form):
    history.go_on(200)
    exported = Exported(store, tmp_path / "books", form)
    assert exported.export().rows["entries"] == history.ledger.read().head
    before = history.ledger.read().head
    history.go_on(10)
    reads = Reads(store)
    added = books.export(reads, exported.place, form)
    assert added.rows["entries"] == history.ledger.read().head - before
    entries = [int(key[-17:-5]) for key in reads.keys if key.startswith("ledger/") and "checkpoints" not in key]
    # What is behind the last checkpoint is folded again.
    assert min(entries) > before - 64
    assert sum(exported.export().rows.values()) == 0


def test_nothing_that_was_written_is_changed(store, tmp_path, history):
    exported = Exported(store, tmp_path / "books", "parquet")
    written = {}
    for _ in range(4):
        history.go_on(20)
        exported.export()
        for path in (tmp_path / "books").rglob("*.parquet"):
            assert written.setdefault(path, path.read_bytes()) == path.read_bytes()


def test_two_exports_at_once_come_to_one(store, tmp_path, history):
    history.go_on(120)
    exported = Exported(store, tmp_path / "books", "parquet")
    ends = []
    threads = [threading.Thread(target=lambda: ends.append(exported.export())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ends) == 3
    exported.export()
    sequences = sorted(int(row["sequence"]) for row in exported.rows("entries"))
    assert sequences == list(range(1, history.ledger.read().head + 1))


def test_a_bucket_gets_the_same_parts_as_a_folder(store, tmp_path, history, strict_bucket):
    history.go_on(60)
    place = f"s3://{strict_bucket}/books"
    books.export(store, str(tmp_path / "books"), "parquet")
    books.export(store, place, "parquet")
    bucket, folder = stores.open(place), stores.open(str(tmp_path / "books"))
    keys = list(folder.list(""))
    assert list(bucket.list("")) == keys
    assert any(key.startswith(f"attempts/account={history.ledger.account}/day=") for key in keys)
    assert all(bucket.get(key) == folder.get(key) for key in keys)
    assert f"'{place}/attempts/*/*/*.parquet'" in books.over_parquet(bucket)
    with pytest.raises(SettingsError, match="DuckDB file cannot be written to s3://"):
        books.export(store, place, "duckdb")


def test_a_place_holds_books_in_one_form_and_of_one_ledger(store, tmp_path, history):
    history.go_on(10)
    exported = Exported(store, tmp_path / "books", "csv")
    exported.export()
    with pytest.raises(SettingsError, match="holds other books"):
        books.export(store, exported.place, "parquet")
    other = stores.open(str(tmp_path / "other"))
    History(other, 5).go_on(60)
    with pytest.raises(SettingsError, match="of another ledger"):
        books.export(other, exported.place, "csv")
    assert exported.rows("entries")[0]["by"] != ""


def test_a_hole_in_one_ledger_stops_no_other(store, tmp_path, history):
    history.go_on(60)
    other = History(store, 2, account="elsewhere.example-ba9876543210").go_on(30)
    (tmp_path / "store" / "ledger" / other.ledger.account / f"{3:012d}.json").unlink()
    exported = Exported(store, tmp_path / "books", "parquet")
    with pytest.raises(LedgerGapError, match=r"entry 3 of elsewhere\.example"):
        exported.export()
    assert {row["account"] for row in exported.rows("entries")} == {history.ledger.account}


@pytest.mark.parametrize(
    ("form", "module"), [("parquet", "pyarrow.parquet"), ("duckdb", "duckdb"), ("duckdb", "pyarrow.parquet")]
)
def test_a_missing_extra_is_named_before_any_work(store, tmp_path, monkeypatch, form, module):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(SettingsError) as error:
        books.export(store, str(tmp_path / "books"), form)
    assert "pip install 'longtake[data]'" in error.value.next_step
    assert module.partition(".")[0] in error.value.message
    assert not (tmp_path / "books").exists()


def test_csv_and_the_command_need_no_extra_and_no_key(tmp_path, history):
    history.go_on(20)
    code = (
        "import sys\nsys.modules['pyarrow'] = sys.modules['duckdb'] = None\nfrom longtake.cli import main\n"
        "sys.exit(main(sys.argv[1:]))"
    )
    words = ["books", "export", "--to", str(tmp_path / "books"), "--format", "csv"]
    env = {name: value for name, value in os.environ.items() if not name.startswith("LONGTAKE_")}
    env["LONGTAKE_STORE"] = str(tmp_path / "store")
    done = subprocess.run([sys.executable, "-c", code, *words], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"{history.ledger.read().head} entries" in done.stdout


def test_an_empty_store_gives_empty_tables(store, tmp_path, monkeypatch, capsys):
    exported = Exported(store, tmp_path / "books", "parquet")
    assert sum(exported.export().rows.values()) == 0
    monkeypatch.setenv("LONGTAKE_STORE", str(tmp_path / "store"))
    assert main(["books", "sql", exported.place]) == 0
    assert "CREATE OR REPLACE VIEW attempts" in capsys.readouterr().out
    for table in books.TABLES:
        assert exported.sql(f"FROM {table}") == []
