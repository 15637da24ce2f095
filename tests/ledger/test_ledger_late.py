"""What comes late or is off already: refunds after they were given up, task ids after the end, balances wrong before a doubt."""

from __future__ import annotations

import asyncio
import logging

import pytest
from memory_store import MemoryStore
from purchases import claim

from longtake.errors import InDoubtError, LedgerError
from longtake.ledger import Ledger, account_of, accounts
from longtake.ledger.entries import Accepted
from longtake.ledger.fold import CHECKPOINT_EVERY
from longtake.ledger.ledger import now

run = asyncio.run
NO_REFUND = {"what": "no-refund", "match": "of rocks.", "times": 1}


@pytest.fixture
def books():
    """One account's book as two processes hold it."""
    account = account_of("127.0.0.1", "key-of-the-late-tests")
    store = MemoryStore()
    return tuple(Ledger(store, account) for _ in range(2))


def sums(here):
    state = here.ledger.read()
    line = accounts.total(accounts.lines(here.ledger))
    assert sum(state.films.values()) == sum(state.days.values()) == line.settled + line.written_off
    return {"settled": line.settled, "refunded": line.refunded, "lost": line.written_off, "attempts": line.attempts}


# -- refunds that come late ----------------------------------------------------------------------------------------------


def test_a_refund_that_was_missing_is_booked_when_it_comes(buyer) -> None:
    here = buyer(NO_REFUND)
    run(here.buy(rocks=1))
    assert here.kinds().count("refund_missing") == 1
    assert sums(here) == {"settled": 80, "refunded": 0, "lost": 80, "attempts": 2}
    here.emulator.top_up(80)
    report = run(here.check())
    assert here.names(report.refunded) == {"rocks"}
    assert report.unexplained == 0
    assert sums(here) == {"settled": 80, "refunded": 80, "lost": 0, "attempts": 2}
    state = here.ledger.read()
    assert (state.missing, state.offset, state.films) == ([], 0, {"a-film": 80})
    assert state.expected_balance == here.balance() == 50_000 - 80
    assert (run(here.check()).drift, here.kinds().count("refund_found")) == (0, 1)


def test_credits_that_are_no_refund_are_not_taken_for_one(buyer) -> None:
    here = buyer(NO_REFUND)
    run(here.buy(rocks=1))
    here.emulator.top_up(81)
    assert run(here.check()).unexplained == 81
    assert "refund_found" not in here.kinds()
    assert here.ledger.read().films == {"a-film": 160}


def test_reconciling_books_a_late_refund_too(buyer) -> None:
    here = buyer(NO_REFUND)
    run(here.buy(rocks=1))
    here.emulator.top_up(80)
    report = run(here.reconcile())
    assert (here.names(report.refunded), report.unexplained) == ({"rocks"}, 0)
    assert here.ledger.read().checked.drift == 0


def test_a_late_refund_does_not_make_a_charged_doubt_look_free(buyer) -> None:
    """Nobody read the balance between the two: the same credits went and came."""
    here = buyer(NO_REFUND)
    run(here.buy(rocks=2))
    here.lose("sea", charged=True)
    run(here.buy(sea=2))
    here.emulator.top_up(160)
    assert here.balance() == here.ledger.read().expected_balance
    report = run(here.reconcile())
    assert here.names(report.undecided) == here.names(report.needs_person) == {"sea"}
    assert here.phases() == {"sea": "in_doubt"}
    here.ledger.adopt(report.undecided[0], here.task_of("sea"), who="me", why="the provider's list has it")
    assert run(here.buy(sea=2))["sea"].state == "bought"
    assert here.names(run(here.reconcile()).refunded) | {"rocks"} == {"rocks"}
    assert here.kinds().count("refund_found") == 1
    assert here.ledger.read().expected_balance == here.balance()


def test_a_late_refund_of_another_amount_is_told_from_a_doubt(buyer) -> None:
    here = buyer(NO_REFUND)
    run(here.buy(rocks=2))
    here.lose("sea", charged=True)
    here.lose("sky", charged=False)
    run(here.buy(sea=1, sky=4))
    here.emulator.top_up(160)
    report = run(here.reconcile())
    assert (here.names(report.held), here.names(report.not_charged)) == ({"sea"}, {"sky"})
    assert here.names(report.refunded) == {"rocks"}


# -- a balance that was off before a doubt -------------------------------------------------------------------------------


def unexplained_top_up(buyer):
    here = buyer()
    run(here.buy(rocks=1))
    here.emulator.top_up(160)
    return here


def refund_of_what_was_written_off(buyer):
    here = buyer({"what": "fail-80006", "match": "of rocks."}, processing=3600)
    here.lose("rocks", charged=True)
    run(here.buy(rocks=2))
    (doubt,) = here.ledger.read().doubts()
    here.ledger.resolve(doubt.id, "written_off", who="me", why="too small to ask")
    assert run(here.check()).drift == 0
    assert here.advance() == 1
    return here


@pytest.mark.slow
@pytest.mark.parametrize("charged", [True, False])
@pytest.mark.parametrize("happens", [unexplained_top_up, refund_of_what_was_written_off])
def test_a_balance_that_was_off_before_a_doubt_cannot_tell_about_it(buyer, happens, charged) -> None:
    here = happens(buyer)
    assert run(here.check()).drift == 160
    here.lose("sea", charged=charged)
    assert isinstance(run(here.buy(sea=2))["sea"], InDoubtError)
    report = run(here.reconcile())
    assert report.drift == (0 if charged else 160)
    assert here.names(report.undecided) == here.names(report.needs_person) == {"sea"}
    assert "before these doubts" in report.note
    here.ledger.adjust(100, who="me", why="part of it")
    assert here.names(run(here.reconcile()).undecided) == {"sea"}
    here.ledger.adjust(60, who="me", why="the rest")
    report = run(here.reconcile())
    assert here.names(report.held if charged else report.not_charged) == {"sea"}
    assert report.undecided == []


# -- answers that come late ----------------------------------------------------------------------------------------------


def test_a_task_id_written_again_after_another_run_settled_it_changes_nothing(books) -> None:
    mine, other = books
    attempt = claim(mine).attempt
    mine.accepted(attempt, "task_12345678")
    other.completed(attempt, 160)
    other.settled(attempt, clip="c" * 64)
    before = other.read()
    mine.accepted(attempt, "task_12345678")
    assert other.read() == before


def test_a_task_id_after_a_write_off_is_said_and_not_booked_twice(books) -> None:
    mine, other = books
    attempt = claim(mine).attempt
    mine.in_doubt(attempt, "lost")
    other.resolve(attempt.id, "written_off", who="me", why="too small to ask")
    before = other.read()
    with pytest.raises(LedgerError, match=r"written off.*task_12345678"):
        mine.accepted(attempt, "task_12345678")
    assert other.read() == before
    assert before.debits == 160


def test_a_task_id_after_a_verdict_of_not_charged_counts(books) -> None:
    mine, other = books
    attempt = claim(mine).attempt
    mine.in_doubt(attempt, "lost")
    other.resolve(attempt.id, "not_charged", who="me", why="not in the list")
    mine.accepted(attempt, "task_12345678")
    assert [a.phase for a in other.read().attempts.values()] == ["accepted"]


@pytest.mark.parametrize("settled", [False, True])
def test_a_task_id_that_another_attempt_has_is_a_doubt(books, settled) -> None:
    mine, other = books
    first, second = claim(mine).attempt, claim(mine, "sea").attempt
    mine.accepted(first, "task_12345678")
    if settled:
        mine.completed(first, 160)
        mine.settled(first, clip="c" * 64)
        for _ in range(CHECKPOINT_EVERY):
            mine.adjust(0, who="me", why="so that the first lies behind a checkpoint")
    for _ in range(2):
        with pytest.raises(InDoubtError, match=f"task_12345678.*{first.id}"):
            other.accepted(second, "task_12345678")
    doubts = other.read().doubts()
    assert [(a.id, a.task_id, a.phase) for a in doubts] == [(second.id, None, "in_doubt")]
    with pytest.raises(LedgerError, match=f"belongs to attempt {first.id}"):
        mine.adopt(second.id, "task_12345678", who="me", why="wrong")


def test_a_log_in_which_two_attempts_have_one_task_is_read_as_before(books) -> None:
    """Releases before this check wrote such logs."""
    mine, other = books
    first, second = claim(mine).attempt, claim(mine, "sea").attempt
    for attempt in (first, second):
        entry = Accepted(at=now(), by="host/-/1/-", attempt=attempt.id, task_id="task_12345678")
        mine.log.append(lambda _, entry=entry: entry)
    assert [(a.id, a.phase) for a in other.read().attempts.values()] == [
        (first.id, "accepted"),
        (second.id, "accepted"),
    ]
    other.completed(second, 160)
    other.settled(second, clip="c" * 64)
    assert mine.read().debits == 320


# -- charges that cannot be ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("said", [0, -5, 481, 10**12])
def test_a_charge_that_cannot_be_is_not_believed(books, caplog, said) -> None:
    ledger, _ = books
    attempt = claim(ledger).attempt
    ledger.accepted(attempt, "task_12345678")
    with caplog.at_level(logging.WARNING, logger="longtake.ledger"):
        ledger.completed(attempt, said)
    (warning,) = caplog.records
    assert f"says it charged {said} credits, which is not believed" in warning.getMessage()
    ledger.settled(attempt, clip="c" * 64)
    state = ledger.read()
    assert (state.debits, state.films) == (160, {"a-film": 160})
    assert ledger.log.entry(state.head).basis == "estimate"


def test_a_charge_above_the_reserve_is_believed_within_reason(books, caplog) -> None:
    ledger, _ = books
    attempt = claim(ledger).attempt
    ledger.accepted(attempt, "task_12345678")
    ledger.completed(attempt, 480)
    ledger.settled(attempt, clip="c" * 64)
    assert ledger.read().films == {"a-film": 480}
    assert caplog.records == []
