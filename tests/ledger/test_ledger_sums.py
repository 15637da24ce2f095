"""Sums of what closed: who goes on from them tells the same as who reads the whole log."""

from __future__ import annotations

import pytest
from memory_store import MemoryStore
from purchases import claim, purchase

from longtake import library
from longtake.ledger import CHECKPOINT_EVERY, Ledger, accounts
from longtake.ledger.accounts import SpendSums

FILMS = ("one", "two")


@pytest.fixture
def ledger():
    return Ledger(MemoryStore(), "an-account")


def attempt(ledger, number):
    """Every fifth fails and is refunded, every seventh stays open."""
    claimed = claim(
        ledger, purchase(number % 10, credits=80, film=FILMS[number % 2], fingerprint=f"{number:064x}")
    ).attempt
    ledger.accepted(claimed, f"task-{number}")
    if number % 5 == 0:
        ledger.failed(claimed, code=80003, message="", retryable=False)
    elif number % 7:
        ledger.completed(claimed, 80 + number % 3)
        ledger.settled(claimed, clip="0" * 64)


def whole(ledger, film):
    return accounts.grouped(accounts.lines(ledger, film=film), ("scene", "shot"))


def told(lines):
    return {line.shot: line for line in lines}


def test_sums_taken_up_again_and_again_give_what_the_whole_log_gives(ledger) -> None:
    known = dict.fromkeys(FILMS)
    for number in range(CHECKPOINT_EVERY):
        attempt(ledger, number)
        if number % 9 == 0:
            for film in FILMS:
                # A process that has just started, with sums that lay in the store.
                other = Ledger(ledger.log.store, ledger.account)
                since = known[film] and SpendSums.model_validate_json(known[film])
                lines, sums = accounts.by_shot(other, film, since)
                assert told(lines) == told(whole(ledger, film))
                known[film] = sums.model_dump_json()
    assert sums.head >= 2 * CHECKPOINT_EVERY


def test_sums_of_another_account_or_of_a_longer_log_do_not_count(ledger) -> None:
    for number in range(20):
        attempt(ledger, number)
    wrong = SpendSums(
        account=ledger.account, head=100 * CHECKPOINT_EVERY, rows=(accounts.SpendLine(shot="x", settled=1),)
    )
    for since in (wrong, wrong.model_copy(update={"account": "another", "head": 0})):
        assert accounts.by_shot(ledger, "one", since) == accounts.by_shot(ledger, "one")
    assert told(accounts.by_shot(ledger, "one")[0]) == told(whole(ledger, "one"))


def test_what_was_read_already_is_not_read_again_for_the_history(ledger) -> None:
    for number in range(CHECKPOINT_EVERY // 2):
        attempt(ledger, number)
    reader = Ledger(ledger.log.store, ledger.account)
    head = reader.read().head
    fresh = [c.model_dump() for c in reader.log.history()]
    behind = list(ledger.log.history(since=head // CHECKPOINT_EVERY * CHECKPOINT_EVERY, until=head))
    assert head % CHECKPOINT_EVERY
    assert [c.model_dump() for c in behind] == fresh[len(fresh) - len(behind) :]
    assert behind == reader.read().closed


class Counting:
    """A store that counts the checkpoints that are read."""

    def __init__(self, store):
        self._store, self.read = store, 0

    def __getattr__(self, name):
        return getattr(self._store, name)

    def get(self, key, **options):
        self.read += "/checkpoints/" in key
        return self._store.get(key, **options)


def test_a_run_that_keeps_no_take_saves_the_next_one_from_reading_a_long_ledger_again(ledger) -> None:
    def look(film):
        store = Counting(ledger.log.store)
        holdings = library.read_holdings(store, film)
        before = holdings.snapshot and holdings.snapshot.sums
        lines, sums = accounts.by_shot(Ledger(store, ledger.account), film, before)
        holdings.save(run="a-run", used={}, labels={}, sums=sums, whole=False)
        return told(lines), store.read

    for number in range(20):
        attempt(ledger, number)
    look("one")
    assert list(ledger.log.store.list("films/")) == [], "a short log is read again as quickly"
    for number in range(20, 5 * CHECKPOINT_EVERY):
        attempt(ledger, number)
    lines, all_of_it = look("one")
    again, few = look("one")
    assert lines == again == told(whole(ledger, "one"))
    assert all_of_it > 16 >= few * 4
