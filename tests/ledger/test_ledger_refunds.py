"""Refunds are money only when seen: until the balance shows one, its credits count as used."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from memory_store import MemoryStore
from purchases import claim

from longtake.cli import main
from longtake.errors import BudgetError, LedgerError
from longtake.ledger import Budget, Ledger
from longtake.ledger import entries as e
from longtake.take import account
from longtake.take.ensure_take import EnsuredTake

run = asyncio.run
NEVER = {"what": "no-refund", "match": "of rocks."}
FAILS = {"what": "fail-80003", "match": "of rocks.", "times": 1}


def standing(here):
    """Credits that the provider has and has not given back."""
    return 50_000 - here.balance()


def test_a_budget_is_never_passed_at_the_provider_when_refunds_do_not_come(buyer) -> None:
    here = buyer(NEVER)
    for _ in range(3):
        result = run(here.buy(rocks=2, budget=160))["rocks"]
        assert isinstance(result, BudgetError)
        assert standing(here) == 160
    assert "has 0 left: 160 more wait for refunds that the balance has not shown" in result.message
    assert "a run reads the balance first" in result.next_step
    assert result.exit_code == 3


def test_a_refund_that_the_balance_shows_frees_its_budget_in_the_same_run(buyer) -> None:
    here = buyer(FAILS)
    assert isinstance(run(here.buy(rocks=2, budget=160))["rocks"], EnsuredTake)
    assert standing(here) == 160
    assert here.kinds().count("intent") == 2


def test_the_balance_is_read_when_what_is_in_flight_has_ended(buyer) -> None:
    here = buyer(FAILS, {"what": "slow", "match": "of sea.", "seconds": 1.5, "times": 1})
    results = run(here.buy(rocks=2, sea=2, budget=320))
    assert [type(one) for one in results.values()] == [EnsuredTake, EnsuredTake]
    assert standing(here) == 320


def test_a_refund_that_comes_late_is_recognized_and_frees_its_budget(buyer) -> None:
    here = buyer({**NEVER, "times": 1})
    assert isinstance(run(here.buy(rocks=2, budget=160))["rocks"], BudgetError)
    here.emulator.top_up(160)  # as the refund, late
    assert isinstance(run(here.buy(rocks=2, budget=160))["rocks"], EnsuredTake)
    assert here.kinds().count("refund_found") == 1
    state = here.ledger.read()
    assert (state.offset, state.missing, state.unproven, state.films) == (0, [], [], {"a-film": 160})


def test_many_that_wait_for_refunds_share_one_deadline(buyer, monkeypatch) -> None:
    """The waits of a film's shots do not add up: the second and the third look once, because the time of all is over."""
    here = buyer(NEVER, processing=3600)
    clock = [0.0]
    monkeypatch.setattr(account, "elapsed", lambda: clock[0])
    monkeypatch.setattr(account, "LOOK_AGAIN", 0.01)
    read(here.ledger, 50_000)
    fail(here.ledger, "rocks")
    sea = claim(here.ledger, "sea", set="a-set").attempt
    here.ledger.accepted(sea, "task-of-sea")

    async def work():
        async with here.session() as session:
            poll = session.account.provider.poll

            async def ten_seconds(task):
                clock[0] += 10
                return await poll(task)

            session.account.provider.poll = ten_seconds
            return await asyncio.gather(*(session.account.see_refunds(session.store, wait=15) for _ in range(3)))

    assert run(work()) == [False] * 3
    assert clock == [(2 + 1 + 1) * 10]


# -- what a reading proves -----------------------------------------------------------------------------------------------


@pytest.fixture
def ledger():
    return Ledger(MemoryStore(), "account")


def fail(ledger, shot):
    attempt = claim(ledger, shot, set="a-set").attempt
    ledger.accepted(attempt, f"task-of-{shot}")
    ledger.failed(attempt, code=80003, message="overloaded", retryable=True)
    return attempt.id


def read(ledger, balance):
    entry = e.Balance(at=datetime.now(UTC), by="test", balance=balance, expected=None)
    ledger.log.append(lambda _: entry)


def unproven(ledger):
    return [one.attempt for one in ledger.read().unproven]


def test_an_unproven_refund_counts_against_every_budget(ledger) -> None:
    read(ledger, 1000)
    fail(ledger, "rocks")
    for scope in ("film", "set", "run", "day"):
        with pytest.raises(BudgetError, match=f"the {scope} budget of 319 has 159 left: 160 more wait for refunds"):
            claim(ledger, "sea", set="a-set", budget=Budget(**{scope: 319}))
    read(ledger, 1000)
    assert claim(ledger, "sea", set="a-set", budget=Budget(film=160)).kind == "bought"


def test_the_opening_reading_proves_no_refund_and_none_after_it_does(ledger) -> None:
    failed = fail(ledger, "rocks")
    for _ in range(2):
        read(ledger, 1000)
        assert unproven(ledger) == [failed]
    assert ledger.used(film="a-film", run="run").film == 160


def test_a_reading_that_is_off_as_before_proves_what_was_promised_since(ledger) -> None:
    read(ledger, 1000)
    read(ledger, 6000)
    fail(ledger, "rocks")
    read(ledger, 6000)
    assert unproven(ledger) == []


def test_what_was_promised_before_a_reading_that_is_off_stays_unproven(ledger) -> None:
    read(ledger, 1000)
    ids = [fail(ledger, "rocks"), fail(ledger, "sea")]
    for _ in range(2):  # one of the two has come, and it is unknown which
        read(ledger, 840)
        assert unproven(ledger) == ids
    read(ledger, 1000)
    assert unproven(ledger) == []


def test_a_refund_that_is_missing_and_then_comes_has_a_line_for_each(ledger) -> None:
    read(ledger, 1000)
    failed = fail(ledger, "rocks")
    for kind in (e.RefundMissing, e.RefundFound):
        entry = kind(at=datetime.now(UTC), by="test", attempt=failed, credits=160)
        ledger.log.append(lambda _, entry=entry: entry)
        ledger.log.append(lambda _, entry=entry: entry)  # of two processes that saw it one counts
    state = ledger.read()
    assert [(one.outcome, one.charged, one.refunded, one.reason) for one in state.closed] == [
        ("refunded", 160, 160, "overloaded"),
        ("refund_missing", 0, -160, "its refund is not in the balance"),
        ("refund_found", 0, 160, "its refund came late"),
    ]
    assert {(one.id, one.order.shot, one.day) for one in state.closed} == {(failed, "rocks", state.today)}
    assert (state.debits, state.refunds, state.films, state.sets, state.missing) == (
        160,
        160,
        {"a-film": 0},
        {"a-set": 0},
        [],
    )


def test_a_person_says_that_a_refund_has_come(buyer, monkeypatch, capsys) -> None:
    here = buyer(FAILS, offers_balance=False)
    for name, value in here.env.items():
        monkeypatch.setenv(name, value)
    assert isinstance(run(here.buy(rocks=2, budget=160))["rocks"], BudgetError)
    (attempt,) = unproven(here.ledger)
    main(["credits"])
    assert f"refund: {attempt}, 160 credits: the balance has not shown it" in capsys.readouterr().out
    assert main(["credits", "resolve", attempt, "--refunded", "--why", "seen on the site"]) == 0
    assert isinstance(run(here.buy(rocks=2, budget=160))["rocks"], EnsuredTake)
    with pytest.raises(LedgerError, match="no refund of attempt"):
        here.ledger.refund_seen(attempt, who="me", why="again")


def test_a_refund_from_before_the_opening_that_comes_later_is_recognized(buyer) -> None:
    here = buyer()
    failed = fail(here.ledger, "rocks")
    read(here.ledger, here.balance())
    here.emulator.top_up(160)  # as the refund, late
    assert run(here.check()).refunded == [failed]
    state = here.ledger.read()
    assert (state.unproven, state.offset, state.opening) == ([], 0, 50_160)
