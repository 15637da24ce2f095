"""A ledger with a hole is repaired and buys nothing by that: what hung on the lost entry is in doubt until a person settles it."""

from __future__ import annotations

import pytest
from memory_store import MemoryStore
from purchases import claim

from longtake.errors import InDoubtError, LedgerError, LedgerGapError
from longtake.ledger import CHECKPOINT_EVERY, EntryLog, Ledger, account_of
from longtake.ledger.audit import audit
from longtake.ledger.checkpoint import state_in
from longtake.ledger.repair import repair
from longtake.settings import Settings

KEY = "key-of-the-repair-tests"
ACCOUNT = account_of(Settings().host, KEY)
WHO = {"who": "me", "why": "a backup was put back"}


@pytest.fixture
def ledger():
    return Ledger(MemoryStore(), ACCOUNT)


def again(ledger):
    """As a process that has just started sees it."""
    return Ledger(ledger.log.store, ledger.account)


def buy(ledger, shot):
    """Five entries: intent, accepted, completed, settled; returns the attempt."""
    attempt = claim(ledger, shot).attempt
    ledger.accepted(attempt, f"task-of-{shot}")
    ledger.completed(attempt, 150)
    ledger.settled(attempt, clip="0" * 64)
    return attempt


def lose(ledger, *sequences):
    for sequence in sequences:
        key = f"ledger/{ledger.account}/{sequence:012d}.json"
        if isinstance(ledger.log.store, MemoryStore):
            ledger.log.store.damage(key)
        else:
            ledger.log.store.path(key).unlink()


def damage_checkpoints(ledger):
    for key in ledger.log.store.list(f"ledger/{ledger.account}/checkpoints/"):
        ledger.log.store.damage(key, b"{}")


def test_a_lost_intent_stops_every_purchase_until_a_person_settles_it(ledger) -> None:
    buy(ledger, "rocks")
    lose(ledger, 1)
    with pytest.raises(LedgerGapError):
        claim(again(ledger), "sea")
    assert repair(ledger.log, **WHO) == ["entry 1 is marked as lost"]
    (problem,) = audit(ledger.log).problems
    assert problem == (
        "entry 1 is lost, and what it bought is unknown (it was a purchase: entry 2 says accepted as task task-of-rocks, "
        "entry 3 says completed, entry 4 says settled): settle it with `longtake credits resolve a1`"
    )
    with pytest.raises(LedgerGapError, match=r"entry 1 of .* is lost") as caught:
        claim(again(ledger), "sea")
    assert caught.value.exit_code == 4
    again(ledger).resolve("a1", "written_off", **WHO)
    assert audit(ledger.log).problems == []
    assert claim(again(ledger), "sea").kind == "bought"


def test_an_open_post_whose_outcome_may_be_lost_is_in_doubt(ledger) -> None:
    attempt = claim(ledger, "rocks").attempt
    ledger.accepted(attempt, "task-of-rocks")
    buy(ledger, "sea")
    lose(ledger, 2)
    repair(ledger.log, **WHO)
    with pytest.raises(InDoubtError, match="entry 2 of the ledger is lost"):
        claim(again(ledger), "rocks")


@pytest.mark.parametrize("lost", [2, 3])
def test_a_later_entry_says_what_the_lost_one_did(ledger, lost) -> None:
    buy(ledger, "rocks")
    before = again(ledger).read()
    lose(ledger, lost)
    repair(ledger.log, **WHO)
    after = again(ledger).read()
    assert (after.attempts, after.debits, after.films) == ({}, before.debits, before.films)
    assert after.lost == [lost]


def test_a_person_names_the_task_of_an_attempt_whose_id_was_lost(ledger) -> None:
    attempt = claim(ledger, "rocks").attempt
    ledger.accepted(attempt, "task-of-rocks")
    ledger.completed(attempt, 150)
    lose(ledger, 2)
    repair(ledger.log, **WHO)
    found = again(ledger)
    before = found.read()
    assert (before.attempts["a1"].phase, before.attempts["a1"].task_id) == ("completed", None)
    found.adopt("a1", "task-of-rocks", **WHO)
    state = again(ledger).read()
    assert (state.attempts["a1"].phase, state.attempts["a1"].task_id) == ("completed", "task-of-rocks")
    assert state.debits == before.debits, "it was paid once"
    with pytest.raises(LedgerError):
        found.adopt("a1", "another-task", **WHO)


def test_a_refund_behind_a_lost_failure_is_still_one(ledger) -> None:
    attempt = claim(ledger, "rocks").attempt
    ledger.accepted(attempt, "task-of-rocks")
    ledger.failed(attempt, code=80003, message="", retryable=True)
    before = again(ledger).read()
    lose(ledger, 2, 3)
    repair(ledger.log, **WHO)
    after = again(ledger).read()
    assert (after.debits, after.refunds, after.unproven) == (before.debits, before.refunds, before.unproven)


def test_a_checkpoint_that_saw_the_lost_entry_is_believed(ledger) -> None:
    buy(ledger, "rocks")
    for number in range(CHECKPOINT_EVERY):
        ledger.adjust(number, **WHO)
    lose(ledger, 1, 2)
    before = again(ledger).read()
    assert repair(ledger.log, **WHO) == ["entry 1 is marked as lost", "entry 2 is marked as lost"]
    assert audit(ledger.log).problems == []
    assert again(ledger).read() == before
    assert claim(again(ledger), "sea").kind == "bought"


def test_entries_that_only_a_checkpoint_knows_are_marked_and_the_log_goes_on(ledger) -> None:
    for number in range(CHECKPOINT_EVERY):
        ledger.adjust(number, **WHO)
    lose(ledger, CHECKPOINT_EVERY - 1, CHECKPOINT_EVERY)
    repair(ledger.log, **WHO)
    assert audit(ledger.log).problems == []
    assert buy(again(ledger), "rocks").sequence == CHECKPOINT_EVERY + 1


def test_readers_get_a_checkpoint_again_where_the_newest_is_damaged(ledger) -> None:
    for number in range(CHECKPOINT_EVERY + 3):
        ledger.adjust(number, **WHO)
    before = again(ledger).read()
    damage_checkpoints(ledger)
    head = CHECKPOINT_EVERY + 3
    assert repair(ledger.log, **WHO) == [f"checkpoint {head} is written"]
    assert state_in(ledger.log.raw_checkpoint(head)) == before == again(ledger).read()
    assert repair(ledger.log, **WHO) == []
    again(ledger).adjust(1, **WHO)
    assert audit(ledger.log).problems == []


def test_the_entry_behind_a_checkpoint_is_compared_with_the_one_before_it(ledger) -> None:
    """A backup that was put back ends with the checkpoint, and another writer went on from an older copy."""
    for number in range(CHECKPOINT_EVERY + 1):
        ledger.adjust(number, **WHO)
    key, store = f"ledger/{ledger.account}/{CHECKPOINT_EVERY + 1:012d}.json", ledger.log.store
    text = store.get(key).decode()
    before = text.partition('"before": "')[2][:32]
    store.damage(key, text.replace(before, "f" * 32).encode())
    with pytest.raises(LedgerGapError, match=f"entry {CHECKPOINT_EVERY} "):
        EntryLog(ledger.log.store, ledger.account).read()
