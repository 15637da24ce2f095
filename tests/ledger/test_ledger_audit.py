"""Reading a whole log says what is wrong with it, one sentence each, and nothing of one that is intact."""

from __future__ import annotations

import json

import pytest

from longtake import store as stores
from longtake.ledger import CHECKPOINT_EVERY, Ledger, account_of
from longtake.ledger.audit import audit
from longtake.settings import Settings

KEY = "key-of-the-audit-tests"


@pytest.fixture
def local(tmp_path):
    return stores.open(str(tmp_path / "store"))


@pytest.fixture
def ledger(local):
    """A log of two checkpoints and ten entries."""
    ledger = Ledger(local, account_of(Settings().host, KEY))
    for number in range(2 * CHECKPOINT_EVERY + 10):
        ledger.adjust(number, who="me", why="to have a log")
    return ledger


def entry(ledger, sequence):
    return ledger.log.store.path(f"ledger/{ledger.account}/{sequence:012d}.json")


def checkpoints(ledger):
    """Paths, the newest first."""
    return [ledger.log.store.path(key) for key in ledger.log.store.list(f"ledger/{ledger.account}/checkpoints/")]


def replaced(path, text):
    path.unlink()
    path.write_text(text)


def test_an_intact_log_has_no_problems(ledger) -> None:
    found = audit(ledger.log)
    assert (found.entries, found.checkpoints, found.problems, found.notes) == (2 * CHECKPOINT_EVERY + 10, 2, [], [])


def test_an_empty_log_has_none_either(local) -> None:
    assert audit(Ledger(local, "account").log).problems == []


def test_each_missing_entry_is_named_and_the_rest_is_still_looked_at(ledger) -> None:
    entry(ledger, 3).unlink()
    entry(ledger, 70).unlink()
    replaced(entry(ledger, 130), "{}")
    problems = audit(ledger.log).problems
    assert problems[:2] == ["entry 3 is missing", "entry 70 is missing"]
    assert problems[2].startswith("entry 130 is not an entry this release can read")
    assert problems[3:] == ["entry 130 is not the one that entry 131 names before it"]


def test_an_entry_that_was_changed_is_named(ledger) -> None:
    path = entry(ledger, 132)
    replaced(path, path.read_text().replace('"credits": 131', '"credits": 13'))
    assert audit(ledger.log).problems == ["entry 132 is not the one that entry 133 names before it"]


def test_a_checkpoint_that_differs_from_the_entries_is_named(ledger) -> None:
    newest = checkpoints(ledger)[0]
    body = json.loads(newest.read_text())
    body["state"]["adjustments"] += 1
    del body["digest"]  # as of a release that wrote none
    replaced(newest, json.dumps(body))
    assert audit(ledger.log).problems == [f"checkpoint {2 * CHECKPOINT_EVERY} does not match the entries before it"]


def test_checkpoints_that_readers_do_without_are_only_noted(ledger) -> None:
    newest, oldest = checkpoints(ledger)
    oldest.unlink()
    replaced(newest, newest.read_text().replace('"adjustments":', '"adjustments":1'))
    found = audit(ledger.log)
    assert found.problems == []
    assert [note.partition(";")[0] for note in found.notes] == [
        f"checkpoint {CHECKPOINT_EVERY} is missing",
        f"checkpoint {2 * CHECKPOINT_EVERY} is damaged, or another release wrote it",
    ]


def test_entries_that_are_gone_behind_a_checkpoint_are_seen_by_the_checkpoint(ledger) -> None:
    for sequence in range(120, 2 * CHECKPOINT_EVERY + 11):
        entry(ledger, sequence).unlink()
    assert audit(ledger.log).problems == ["checkpoint 128 exists, but entries 120 to 128 are missing"]
