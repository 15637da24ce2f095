"""A ledger with every end an attempt can have, and the tables that an export left, read back in one form for all."""

from __future__ import annotations

import csv
import json
import random
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
from purchases import claim, purchase

from longtake import books
from longtake import store as stores
from longtake.books.schema import TABLES
from longtake.ledger import Ledger
from longtake.ledger import entries as e

NUMBERS = ("attempts", "estimate", "settled", "refunded", "reserved", "in_doubt", "written_off")
ACCOUNT = "provider.example-0123456789ab"


class History:
    """A ledger whose attempts end in every way, drawn at random; some stay open."""

    def __init__(self, store, seed=0, *, account=ACCOUNT, labels=({"campaign": "autumn"}, {"campaign": "winter"}, {})):
        self.store, self.labels = store, labels
        self.ledger = Ledger(store, account)
        self.random = random.Random(seed)
        self.bought = 0
        self.open = []

    def go_on(self, steps):
        for _ in range(steps):
            if self.open and self.random.random() < 0.6:
                self._move(self.open.pop(self.random.randrange(len(self.open))))
            else:
                self._buy()
            if self.random.random() < 0.05:
                self._read_balance()
        return self

    def close_all(self):
        while self.open:
            self._move(self.open.pop())
        return self

    def _buy(self):
        self.bought += 1
        number = self.bought
        wanted = purchase(
            number % 5, film=f"film-{number % 3}", take=1 + number % 2, fingerprint=f"{number:064x}",
            model=("seedance-2.5", "seedance-2.0")[number % 2], expected=80, reserve=100,
            set="autumn" if number % 2 else "", labels=self.labels[number % len(self.labels)],
        )  # fmt: skip
        self.open.append(claim(self.ledger, wanted).attempt.id)

    def _move(self, name):
        attempt = self.ledger.read().attempts[name]
        ledger, chance = self.ledger, self.random.random()
        if attempt.phase == "intent":
            if chance < 0.7:
                ledger.accepted(attempt, f"task-{name}")
                self.open.append(name)
            elif chance < 0.8:
                ledger.refused(attempt, status=400, code=1, message="no")
            elif chance < 0.9:
                ledger.not_sent(attempt, "no way there")
            else:
                ledger.in_doubt(attempt, "the answer was lost")
                self.open.append(name)
        elif attempt.phase == "accepted":
            if chance < 0.7:
                ledger.completed(attempt, 80 + self.random.randrange(-5, 6))
                self.open.append(name)
            else:
                ledger.failed(attempt, code=80003, message="failed", retryable=True)
        elif attempt.phase == "completed":
            ledger.settled(attempt, clip="0" * 64)
        elif chance < 0.5:
            ledger.resolve(name, "not_charged", who="a test", why="the balance says so")
            if chance < 0.25:  # and it was charged after all
                ledger.accepted(attempt, f"task-{name}")
                self.open.append(name)
        else:
            ledger.resolve(name, "written_off", who="a test", why="given up")

    def _read_balance(self):
        state = self.ledger.read()
        balance = state.expected_balance if state.opening is not None else 10_000
        owed = [refund.attempt for refund in state.unproven]
        missing = [refund.attempt for refund in state.missing]
        stamp = {"at": datetime.now(UTC), "by": "a test"}
        if owed and self.random.random() < 0.3:
            self.ledger.log.append(lambda _: e.RefundMissing(**stamp, attempt=owed[0], credits=100))
        elif missing and self.random.random() < 0.5:
            self.ledger.log.append(lambda _: e.RefundFound(**stamp, attempt=missing[0], credits=100))
        else:
            self.ledger.log.append(lambda _: e.Balance(**stamp, balance=balance))


class Exported:
    """The books of a store in a folder or bucket, in one form."""

    def __init__(self, store, place, form):
        self.store, self.place, self.form = store, str(place), form

    def export(self):
        return books.export(self.store, self.place, self.form)

    def rows(self, table):
        """All rows as dictionaries, in an order of their own."""
        if self.form == "duckdb":
            found = self.sql(f"FROM {table}")
        elif self.form == "csv":
            found = [row for path in self.parts(table) for row in _csv(path)]
        else:
            found = []
            for path in self.parts(table):
                folders = dict(folder.split("=") for folder in path.parts if "=" in folder)
                found += [{**folders, **row} for row in pq.ParquetFile(path).read().to_pylist()]
        return sorted((_plain(TABLES[table], row) for row in found), key=str)

    def parts(self, table):
        return sorted((Path(self.place) / table).rglob(f"*.{self.form}"))

    def connection(self):
        if self.form == "duckdb":
            return duckdb.connect(str(Path(self.place) / "books.duckdb"), read_only=True)
        connection = duckdb.connect()
        connection.execute(books.over_parquet(stores.open(self.place)))
        return connection

    def sql(self, query):
        with self.connection() as connection:
            found = connection.execute(query)
            names = [column[0] for column in found.description]
            return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def _csv(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _plain(table, row):
    """A row with each cell as text, whatever form it came from; empty and null are the same."""
    found = {}
    for column in table.columns:
        cell = row.get(column.name)
        if column.kind == "labels":
            cell = json.loads(cell) if isinstance(cell, str) else dict(cell or {})
        elif column.kind == "time" and cell:
            cell = (datetime.fromisoformat(cell) if isinstance(cell, str) else cell).astimezone(UTC).isoformat()
        found[column.name] = "" if cell is None else str(cell)
    return found


def sums(rows, *by):
    """The sums of rows of attempts by columns, without groups of zeros."""
    found = {}
    for row in rows:
        key = tuple(row[name] for name in by)
        known = found.setdefault(key, [0] * len(NUMBERS))
        found[key] = [total + int(row[name]) for total, name in zip(known, NUMBERS, strict=True)]
    return {key: tuple(value) for key, value in found.items() if any(value)}
