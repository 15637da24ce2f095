"""Settling doubts by the balance, against an emulator over HTTP and a store on disk: only what is certain is decided."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import itertools
import os
import signal
import subprocess
import sys
from datetime import timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from purchases import claim

from examples import examples
from longtake import reconciliation
from longtake.errors import InDoubtError, LedgerError, ProviderUnavailableError
from longtake.ledger import entries as e
from longtake.ledger.balance_proof import certain
from longtake.ledger.ledger import now

run = asyncio.run


async def until(found):
    """Wait for what another process or task does."""
    async with asyncio.timeout(120):
        while not found():  # noqa: ASYNC110 - it happens elsewhere
            await asyncio.sleep(0.01)


class Told:
    """The provider, as a teller that lets a test say what else happens while it is asked."""

    def __init__(self, provider, *, on_balance=lambda: None, late=()):
        self.provider = provider
        self.on_balance = on_balance
        self.late = late

    async def poll(self, task_id):
        task = await self.provider.poll(task_id)
        return dataclasses.replace(task, status="processing") if task_id in self.late else task

    async def balance(self):
        self.on_balance()
        return await self.provider.balance()


# -- one doubt -----------------------------------------------------------------------------------------------------------


def test_what_was_not_charged_may_be_bought_again(buyer) -> None:
    here = buyer()
    here.lose("rocks", charged=False)
    assert isinstance(run(here.buy(rocks=1))["rocks"], InDoubtError)
    assert here.phases() == {"rocks": "in_doubt"}
    assert isinstance(run(here.buy(rocks=1))["rocks"], InDoubtError), "a doubt must never be bought again"
    assert here.posts == 1
    report = run(here.reconcile())
    assert here.names(report.not_charged) == {"rocks"}
    assert (report.drift, report.in_doubt, report.needs_person) == (0, [], [])
    assert run(here.buy(rocks=1))["rocks"].state == "bought"
    assert here.books()["posts"]["charged"] == 1
    assert here.ledger.read().expected_balance == here.balance() == 50_000 - 80


def test_what_was_charged_is_held_until_its_refund_shows(buyer) -> None:
    here = buyer({"what": "fail-80003", "match": "of rocks.", "times": 1}, processing=3600)
    here.lose("rocks", charged=True)
    run(here.buy(rocks=2))
    report = run(here.reconcile())
    assert here.names(report.held) == {"rocks"}
    assert (report.drift, report.unexplained, report.needs_person) == (-160, 0, [])
    error = run(here.buy(rocks=2))["rocks"]
    assert isinstance(error, InDoubtError)
    assert "was charged" in error.message
    assert here.ledger.read().used(film="a-film").film == 160, "held money counts against the budgets"
    again = run(here.reconcile())
    assert (here.names(again.held), here.kinds().count("held")) == ({"rocks"}, 1)
    assert here.advance() == 1
    refunded = run(here.reconcile())
    assert here.names(refunded.refunded) == {"rocks"}
    assert refunded.in_doubt == []
    state = here.ledger.read()
    assert (state.debits, state.refunds) == (160, 160), "both sides are in the books, as they are in the provider's"
    assert state.expected_balance == here.balance() == 50_000
    assert state.used(film="a-film").film == 0


def test_a_person_is_asked_once_no_refund_can_come_any_more(buyer) -> None:
    here = buyer()
    here.lose("rocks", charged=True)
    run(here.buy(rocks=2))
    assert run(here.reconcile()).needs_person == []
    report = run(here.reconcile(longest=0))
    assert report.needs_person == report.held == [here.attempts()["rocks"].id]
    assert any("--adopt" in line for line in reconciliation.lines(report))
    here.ledger.adopt(report.held[0], here.task_of("rocks"), who="me", why="the provider's list has it")
    assert run(here.buy(rocks=2))["rocks"].state == "bought"
    assert here.posts == 1
    assert here.ledger.read().expected_balance == here.balance()


def test_charged_and_refunded_before_anybody_looked_is_as_not_charged(buyer) -> None:
    here = buyer({"what": "fail-80006", "match": "of rocks.", "times": 1})
    here.lose("rocks", charged=True)
    run(here.buy(rocks=2))
    here.advance()
    assert [entry["kind"] for entry in here.books()["entries"]] == ["debit", "refund"]
    report = run(here.reconcile())
    assert here.names(report.not_charged) == {"rocks"}
    assert here.ledger.read().expected_balance == here.balance() == 50_000


# -- several -------------------------------------------------------------------------------------------------------------


def test_distinct_amounts_are_told_apart(buyer) -> None:
    here = buyer()
    here.lose("a", "c", charged=True)
    here.lose("b", "d", charged=False)
    run(here.buy(a=1, b=2, c=4, d=8))
    report = run(here.reconcile())
    assert here.names(report.held) == {"a", "c"}
    assert here.names(report.not_charged) == {"b", "d"}
    assert report.undecided == []
    assert here.phases() == {"a": "held", "c": "held"}


def test_only_what_is_certain_is_decided(buyer) -> None:
    here = buyer()
    here.lose("a", charged=True)
    here.lose("b", "c", charged=False)
    run(here.buy(a=1, b=1, c=4))
    report = run(here.reconcile())
    assert here.names(report.not_charged) == {"c"}
    assert here.names(report.undecided) == here.names(report.needs_person) == {"a", "b"}
    assert here.phases() == {"a": "in_doubt", "b": "in_doubt"}


def test_of_equal_amounts_none_is_decided_and_a_word_about_one_decides_the_others(buyer) -> None:
    here = buyer()
    here.lose("a", charged=True)
    here.lose("b", "c", charged=False)
    run(here.buy(a=3, b=3, c=3))
    report = run(here.reconcile())
    assert here.names(report.undecided) == {"a", "b", "c"}
    assert (report.held, report.not_charged) == ([], [])
    here.ledger.adopt(here.attempts()["a"].id, here.task_of("a"), who="me", why="the provider's list has it")
    here.advance()
    report = run(here.reconcile())
    assert here.names(report.not_charged) == {"b", "c"}
    assert here.phases() == {"a": "completed"}


@pytest.mark.parametrize("charged", [True, False])
def test_equal_amounts_are_decided_when_all_or_none_were_charged(buyer, charged) -> None:
    here = buyer()
    here.lose("a", "b", "c", charged=charged)
    run(here.buy(a=3, b=3, c=3))
    report = run(here.reconcile())
    assert here.names(report.held if charged else report.not_charged) == {"a", "b", "c"}


def test_an_open_length_could_have_cost_anything(buyer) -> None:
    here, face = buyer(), "doubao-seedance-2.5-face"
    here.lose("lost", charged=True)
    run(here.buy(lost=-1, model=face))
    here.advance()
    (task,) = here.books()["tasks"]
    assert 0 < 50_000 - here.balance() == task["credits"] < here.attempts()["lost"].order.reserve
    # Not charged, and just what is missing: it must not be taken for the one that was.
    here.lose("b", charged=False)
    run(here.buy(b=task["seconds"], model=face))
    assert here.attempts()["b"].order.reserve == task["credits"]
    report = run(here.reconcile())
    assert here.names(report.undecided) == {"lost", "b"}
    assert (report.held, report.not_charged) == ([], [])
    untouched = buyer()
    untouched.lose("lost", charged=False)
    run(untouched.buy(lost=-1, model=face))
    assert untouched.names(run(untouched.reconcile()).not_charged) == {"lost"}


# -- what doubts do not explain ------------------------------------------------------------------------------------------


def test_bought_credits_are_a_drift_until_a_person_explains_them(buyer) -> None:
    here = buyer()
    run(here.buy(rocks=1))
    agreed = run(here.check())
    assert agreed.drift == 0
    here.emulator.top_up(500)
    report = run(here.reconcile())
    assert (report.drift, report.unexplained, report.in_doubt) == (500, 500, [])
    assert any("+500 credits are unexplained since" in line for line in reconciliation.lines(report))
    state = here.ledger.read()
    assert state.checked.drift == 500
    assert state.agreed.balance == 50_000 - 80
    assert (run(here.check()).drift, run(here.check()).unexplained) == (500, 500)
    here.ledger.adjust(500, who="me", why="bought 500")
    assert run(here.check()).drift == 0
    assert here.ledger.read().agreed.balance == here.balance()


def test_somebody_elses_spending_decides_nothing(buyer) -> None:
    here = buyer()
    here.lose("a", charged=True)
    here.lose("b", charged=False)
    run(here.buy(a=1, b=2))
    here.emulator.top_up(-37)
    report = run(here.reconcile())
    assert here.names(report.undecided) == here.names(report.needs_person) == {"a", "b"}
    assert report.unexplained == -117
    assert here.phases() == {"a": "in_doubt", "b": "in_doubt"}
    here.ledger.adjust(-37, who="me", why="tried something in the browser")
    report = run(here.reconcile())
    assert (here.names(report.held), here.names(report.not_charged)) == ({"a"}, {"b"})


def test_a_wrong_price_decides_nothing(buyer) -> None:
    here = buyer(dearer=True)
    assert run(here.buy(rocks=2))["rocks"].take.credits == 200
    assert run(here.check()).drift == 0, "the provider says what it charged"
    here.lose("sea", charged=True)
    run(here.buy(sea=1))
    report = run(here.reconcile())
    assert here.names(report.undecided) == {"sea"}
    assert report.drift == -100
    assert "a price is wrong" in report.note


def test_a_charge_the_provider_does_not_name_is_an_estimate_and_its_error_a_drift(buyer) -> None:
    here = buyer({"what": "no-usage"}, dearer=True)
    run(here.buy(rocks=2))
    state = here.ledger.read()
    assert state.films == {"a-film": 160}
    assert state.checked.drift == -40


def test_a_missing_refund_is_found_when_all_is_quiet(buyer) -> None:
    here = buyer({"what": "no-refund", "match": "of rocks.", "times": 1})
    assert run(here.buy(rocks=1))["rocks"].state == "bought", "80003 gets another attempt"
    assert here.kinds().count("refund_missing") == 1
    state = here.ledger.read()
    assert state.films == {"a-film": 160}, "credits that did not come back are spent"
    assert state.unproven == []
    assert run(here.check()).drift == 0
    assert state.expected_balance == here.balance() == 50_000 - 160


def test_a_missing_refund_and_a_charged_doubt_at_once(buyer) -> None:
    here = buyer({"what": "no-refund", "match": "of rocks.", "times": 1})
    here.lose("sea", charged=True)
    run(here.buy(rocks=1, sea=4))
    report = run(here.reconcile())
    assert (here.names(report.held), here.names(report.refunds_missing)) == ({"sea"}, {"rocks"})
    assert any("refund is missing" in line for line in reconciliation.lines(report))
    assert run(here.reconcile()).refunds_missing == [], "found once"


def test_a_refund_that_came_is_proven_by_the_balance(buyer) -> None:
    here = buyer({"what": "fail-80006"})
    run(here.buy(rocks=1))
    state = here.ledger.read()
    assert (state.unproven, state.checked.drift, state.refunds) == ([], 0, 80)


def test_without_a_balance_a_person_has_to_say(buyer) -> None:
    here = buyer(offers_balance=False)
    here.lose("rocks", charged=True)
    run(here.buy(rocks=1))
    report = run(here.reconcile())
    assert here.names(report.undecided) == here.names(report.needs_person) == {"rocks"}
    assert (report.balance, report.drift) == (None, None)
    assert "no balance" in report.note
    assert here.kinds()[-1] == "lifted"
    here.ledger.resolve(report.undecided[0], "written_off", who="me", why="too small to ask")
    assert run(here.buy(rocks=1))["rocks"].state == "bought"


def test_a_provider_that_is_away_decides_nothing(buyer) -> None:
    here = buyer()
    here.lose("rocks", charged=False)
    run(here.buy(rocks=1))
    here.faults({"where": "balance", "what": "500"})
    with pytest.raises(ProviderUnavailableError):
        run(here.reconcile())
    assert here.phases() == {"rocks": "in_doubt"}
    assert here.kinds()[-1] == "lifted"


# -- while others work ---------------------------------------------------------------------------------------------------


def test_an_open_living_post_is_waited_for_and_nobody_buys_or_reconciles_meanwhile(buyer) -> None:
    here = buyer()
    here.lose("rocks", charged=False)

    async def work():
        await here.buy(rocks=2)
        ledger = here.ledger
        mine = claim(ledger, "sea", credits=320).attempt
        asked_early = []

        def look():
            asked_early.extend(a.id for a in here.ledger.read().attempts.values() if a.phase == "intent")

        async with here.client() as provider:
            body = {"model": "seedance-2.5", "prompt": "the open sea", "duration": 4, "size": "16:9"}
            accepted = await provider.submit({**body, "resolution": "480p", "generate_audio": False})
            reconciling = asyncio.create_task(here.reconcile(teller=Told(provider, on_balance=look)))
            await until(lambda: ledger.read().barrier is not None)
            assert claim(ledger, "other").kind == "wait"
            with pytest.raises(LedgerError, match="another reconciliation"):
                await here.reconcile()
            assert not reconciling.done()
            ledger.accepted(mine, accepted.task_id)
            report = await reconciling
        assert asked_early == [], "the balance was read while a POST was open"
        assert here.names(report.not_charged) == {"rocks"}
        assert claim(ledger, "other").kind == "bought"

    run(work())


def test_a_task_under_way_may_be_refunded_already(buyer) -> None:
    """A refund is in the balance before a poll shows `failed`: it must not make a charged doubt look free."""
    here = buyer({"what": "fail-80006", "match": "of sea."}, processing=3600)
    here.lose("rocks", charged=True)

    async def work():
        await here.buy(rocks=2)
        buying = asyncio.create_task(here.buy(sea=2))
        await until(lambda: here.phases().get("sea") == "accepted")
        buying.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await buying
        here.advance()
        assert here.balance() == 50_000 - 160, "rocks stays charged, sea came back"
        async with here.client() as provider:
            report = await here.reconcile(teller=Told(provider, late={here.task_of("sea")}))
        assert here.names(report.undecided) == {"rocks"}
        assert report.needs_person == [], "waiting is enough"
        assert "under way" in report.note
        report = await here.reconcile()
        assert here.names(report.needs_person) == {"rocks"}, "either rocks was charged or the refund of sea is missing"

    run(work())


def test_a_purchase_behind_an_ended_barrier_stops_the_verdict(buyer) -> None:
    here = buyer()
    here.lose("rocks", charged=False)
    run(here.buy(rocks=2))

    async def work():
        ledger = here.ledger

        def overtake():
            barrier = ledger.read().barrier
            if barrier is not None:
                ledger.log.append(lambda _: e.Lifted(at=now(), by="elsewhere", barrier=barrier))
                ledger.not_sent(claim(ledger, "other").attempt, "only a claim")

        async with here.client() as provider:
            await here.reconcile(teller=Told(provider, on_balance=overtake))

    with pytest.raises(LedgerError, match="nothing more was decided"):
        run(work())
    assert here.phases() == {"rocks": "in_doubt"}


def test_many_reconcilers_at_once_decide_each_doubt_once(buyer) -> None:
    here = buyer()
    here.lose("a", charged=True)
    here.lose("b", charged=False)
    run(here.buy(a=1, b=2))

    async def work():
        return await asyncio.gather(*(here.reconcile() for _ in range(5)), return_exceptions=True)

    results = run(work())
    refused = [r for r in results if isinstance(r, LedgerError)]
    assert len(refused) < 5
    assert not [r for r in results if isinstance(r, BaseException) and r not in refused]
    kinds = here.kinds()
    assert (kinds.count("held"), kinds.count("not_charged")) == (1, 1)
    assert kinds.count("barrier") == kinds.count("lifted")


def test_a_barrier_stands_until_its_time_is_over(buyer) -> None:
    here = buyer()
    ledger = here.ledger
    for away, answer in ((timedelta(seconds=-1), "bought"), (timedelta(hours=1), "wait")):
        barrier = e.Barrier(at=now(), by="elsewhere/-/1/-", until=now() + away)
        ledger.log.append(lambda _, entry=barrier: entry)
        assert claim(ledger, f"shot {answer}").kind == answer


def test_the_barrier_of_a_killed_reconciliation_holds_nobody_up(buyer) -> None:
    here = buyer()
    here.lose("rocks", charged=False)
    run(here.buy(rocks=2))
    ledger = here.ledger
    command = [sys.executable, "-P", "-m", "longtake.cli", "credits", "reconcile", "--quiet", "600"]
    with subprocess.Popen(command, env={**os.environ, **here.env}, stdout=subprocess.DEVNULL) as process:
        try:
            run(until(lambda: ledger.read().barrier is not None))
            assert claim(ledger, "other").kind == "wait"
        finally:
            process.send_signal(signal.SIGKILL)
    assert claim(ledger, "other").kind == "bought"
    assert "lifted" not in here.kinds()
    ledger.not_sent(here.attempts()["other"], "only a claim")
    assert here.names(run(here.reconcile()).not_charged) == {"rocks"}


# -- the arithmetic ------------------------------------------------------------------------------------------------------

amount = st.one_of(
    st.integers(1, 40), st.builds(lambda low, more: range(low, low + more), st.integers(1, 9), st.integers(1, 9))
)


@examples(400)
@given(st.lists(amount, max_size=6), st.integers(-3, 130))
@example([range(1, 3559), 80], 80)
@example([5, 5, 5], 15)
@example([5, 5, 5], 10)
@example([], 0)
def test_certain_is_what_every_explanation_says(amounts, missing) -> None:
    named = {f"doubt {number}": each for number, each in enumerate(amounts)}
    if sum(isinstance(each, range) for each in amounts) and missing > 0:
        choices = [[0, *([each] if isinstance(each, int) else each)] for each in amounts]
    else:
        choices = [[0, each if isinstance(each, int) else each[0]] for each in amounts]
    answers = {
        tuple(credits > 0 for credits in chosen) for chosen in itertools.product(*choices) if sum(chosen) == missing
    }
    if not answers:
        assert certain(named, missing) is None
        return
    expected = {
        name: next(iter(seen))
        for name, seen in zip(named, ({answer[i] for answer in answers} for i in range(len(named))), strict=True)
        if len(seen) == 1
    }
    assert certain(named, missing) == expected


def test_a_huge_gap_is_answered_at_once() -> None:
    assert certain({"a": 320, "b": range(1, 8006)}, 10**15) is None
    assert certain({"a": 320, "b": range(1, 8006)}, 320 + 8005) == {"a": True, "b": True}


@pytest.mark.slow
def test_opening_debits_refunds_and_adjustments_make_the_balance(buyer) -> None:
    here = buyer(
        {"what": "fail-80003", "match": "of storm.", "times": 1},
        {"what": "no-refund", "match": "of fog.", "times": 1},
        {"what": "fail-80006", "match": "of gone.", "times": 1},
    )
    here.lose("gone", charged=True)
    here.lose("never", charged=False)
    here.lose("held", charged=True)
    run(here.buy(calm=1, storm=2, fog=3, gone=5, never=6, held=9))
    here.emulator.top_up(1000)
    here.ledger.adjust(1000, who="me", why="bought")
    here.advance()
    run(here.reconcile())
    here.ledger.adopt(here.attempts()["held"].id, here.task_of("held"), who="me", why="found")
    results = run(here.buy(calm=1, storm=2, fog=3, gone=5, never=6, held=9))
    assert {name: result.state for name, result in results.items()} == {
        "calm": "current",
        "storm": "current",
        "fog": "current",
        "gone": "bought",
        "never": "bought",
        "held": "bought",
    }
    state, books = here.ledger.read(), here.books()
    assert state.opening - state.debits + state.refunds + state.adjustments == books["balance"]
    assert (state.checked.drift, state.attempts, state.unproven) == (0, {}, [])
    net = sum(entry["credits"] * (1 if entry["kind"] == "debit" else -1) for entry in books["entries"] if entry["task"])
    assert state.debits - state.refunds == net
    assert sum(state.films.values()) == sum(state.days.values()) == net
