"""What each answer to the one POST leaves in the ledger and in the run, in memory."""

from __future__ import annotations

import asyncio
import importlib
import itertools
import random
import threading
import types
from datetime import timedelta

import httpx
import pytest
from memory_store import MemoryStore
from purchases import claim, purchase
from wire import ACCOUNT, HOST, KEY, PRICE, Wire, accepted, run_on, wanted

from longtake.errors import (
    BudgetError,
    InDoubtError,
    KeyRefusedError,
    NoCreditsError,
    NotSentError,
    PlanChangedError,
    RateLimitedError,
    RefusedError,
    StoreError,
    TaskIdNotRecordedError,
)
from longtake.ledger import Ledger, account_of, claim_wait
from longtake.ledger import ledger as ledgers
from longtake.ledger.elapsed import elapsed
from longtake.ledger.ledger import LEASE, now
from longtake.plan.agreement import AgreedTake, Agreement
from longtake.take import submit

run = asyncio.run
submitting = importlib.import_module("longtake.take.submit")
NEVER_SENT = httpx.ConnectError("no route")


@pytest.fixture
def store():
    return MemoryStore()


@pytest.fixture
def ledger(store):
    return Ledger(store, ACCOUNT)


@pytest.fixture
def open_run(ledger):
    """A run whose client is on a wire."""
    return lambda wire, **options: run_on(wire, ledger, **options)


@pytest.fixture
def buy(open_run):
    """Submit the first shot's takes over a wire, one after the other; gives what came of the last."""

    def work(wire, *, takes=(1,), prepare=None, **options):
        async def inside():
            async with open_run(wire, **options) as session:
                if prepare is not None:
                    prepare(session)
                for number in takes[:-1]:
                    await submit(session, await wanted(session, take=number))
                return await submit(session, await wanted(session, take=takes[-1]))

        return run(inside())

    return work


@pytest.fixture
def sleeps(monkeypatch):
    """Sleeps take no time; the clocks that the ledger waits by go on by them."""
    slept, ahead, sleep = [], [0.0], asyncio.sleep
    real = claim_wait.time.monotonic

    async def noted(seconds, result=None):
        # The renewal goes on next to the POST, and so does an emulator in a thread, of other tests.
        if seconds == LEASE.total_seconds() / 2 or threading.current_thread() is not threading.main_thread():
            return await sleep(seconds, result)
        if seconds >= 0.01:
            slept.append(seconds)
            ahead[0] += seconds
        return await sleep(0, result)

    monkeypatch.setattr(asyncio, "sleep", noted)
    monkeypatch.setattr(random, "uniform", lambda low, high: (low + high) / 2)
    monkeypatch.setattr(claim_wait, "time", types.SimpleNamespace(monotonic=lambda: real() + ahead[0]))
    monkeypatch.setattr(ledgers, "now", lambda: now() + timedelta(seconds=ahead[0]))
    return slept


def kinds(ledger):
    return [entry.kind for _, entry in ledger.log.entries()]


def last(ledger, kind):
    return [entry for _, entry in ledger.log.entries() if entry.kind == kind][-1]


# -- accepted ------------------------------------------------------------------------------------------------------------


def test_an_accepted_take_is_one_intent_one_post_and_one_task(buy, ledger) -> None:
    wire = Wire(accepted())
    attempt = buy(wire)
    assert (attempt.phase, attempt.task_id, wire.posts) == ("accepted", "task_00000001", 1)
    assert kinds(ledger) == ["intent", "accepted"]
    intent = last(ledger, "intent")
    assert (intent.order.film, intent.order.run, intent.order.reserve) == ("a-film", "this", PRICE)
    assert intent.body["prompt"] == "A harbor at night"
    assert ledger.read().attempts[attempt.id].task_id == "task_00000001"


def test_what_another_run_bought_is_shared(buy, ledger) -> None:
    mine = buy(Wire(accepted()))
    theirs = buy(Wire(), run="another")
    assert (theirs.id, theirs.task_id, kinds(ledger)) == (mine.id, mine.task_id, ["intent", "accepted"])


def test_a_take_that_another_attempt_has_open_is_waited_for(open_run, store, ledger, sleeps, monkeypatch) -> None:
    other, fast = Ledger(store, ledger.account), asyncio.sleep

    async def work():
        async with open_run(Wire()) as session:
            take_request = await wanted(session)
            order = take_request.take_key.order(film="a-film", run="other", tag=session.spending.tag)
            attempt = claim(other, order).attempt

            async def until_accepted(seconds, result=None):
                if seconds >= 0.5 and threading.current_thread() is threading.main_thread():
                    other.accepted(attempt, "task_of_the_other")
                return await fast(seconds, result)

            monkeypatch.setattr(asyncio, "sleep", until_accepted)
            return await submit(session, take_request)

    assert run(work()).task_id == "task_of_the_other"
    assert sleeps == [1.0]


# -- not sent, and asked again -------------------------------------------------------------------------------------------


def test_what_was_not_sent_is_asked_again_under_a_new_intent_each_time(buy, ledger, sleeps) -> None:
    wire = Wire(NEVER_SENT, NEVER_SENT, NEVER_SENT, accepted())
    assert buy(wire).number == 4
    assert kinds(ledger) == ["intent", "not_sent"] * 3 + ["intent", "accepted"]
    assert "ConnectError: no route" in last(ledger, "not_sent").reason
    assert (sleeps, ledger.read().used(film="a-film").film) == ([1, 2, 4], PRICE)


def test_after_four_that_were_not_sent_the_run_gives_up(buy, ledger, sleeps) -> None:
    with pytest.raises(NotSentError):
        buy(Wire(*[NEVER_SENT] * 9))
    assert kinds(ledger) == ["intent", "not_sent"] * 4
    assert (sleeps, ledger.read().attempts) == ([1, 2, 4], {})


def test_a_rate_limit_is_given_up_after_ten_where_nothing_is_in_flight(buy, ledger, sleeps) -> None:
    wire = Wire(*[(429, {"error": {"code": 50001, "message": "slow down"}}, {"retry-after": "7"})] * 30)
    with pytest.raises(RateLimitedError):
        buy(wire)
    assert wire.posts == 10
    refused = last(ledger, "refused")
    assert (refused.status, refused.code, refused.retry_after) == (429, None, 7.0)
    assert "slow down" in refused.message
    assert (max(sleeps) <= 6, ledger.read().attempts) == (True, {})


def test_a_rate_limit_is_waited_out_as_long_as_a_task_is_in_flight(buy, ledger, sleeps) -> None:
    wire = Wire(accepted(1), *[(429, {}, {"retry-after": "2"})] * 14, accepted(2))
    assert buy(wire, takes=(1, 2)).task_id == "task_00000002"
    assert wire.posts == 16
    assert set(wire.polls) == {"task_00000001"}, "it may have ended and made room"


def test_a_claim_that_is_too_old_to_be_used_is_given_back_before_anything_is_connected(
    buy, ledger, sleeps, monkeypatch
) -> None:
    ages = itertools.chain([21.0], itertools.repeat(0.0))
    monkeypatch.setattr(submitting, "elapsed", lambda: elapsed() + next(ages))
    wire = Wire(accepted())
    assert buy(wire).number == 2
    assert (wire.posts, sleeps) == (1, [1.0])
    assert kinds(ledger) == ["intent", "not_sent", "intent", "accepted"]
    assert last(ledger, "not_sent").reason == "its claim was too old to be used"


# -- refused -------------------------------------------------------------------------------------------------------------


def test_a_refusal_is_written_whole_and_stops_only_its_take(open_run, ledger) -> None:
    wire = Wire((422, {"error": {"code": 30002, "message": "no such size"}}), accepted())
    halted = []

    async def both():
        async with open_run(wire) as session:
            with pytest.raises(RefusedError):
                await submit(session, await wanted(session))
            halted.append(session.spending.halted)
            return await submit(session, await wanted(session, take=2))

    assert run(both()).task_id == "task_00000001"
    refused = last(ledger, "refused")
    assert (refused.status, refused.code, halted) == (422, 30002, [None])
    assert "no such size" in refused.message
    assert ledger.read().used(film="a-film").film == PRICE


@pytest.mark.parametrize(("status", "error"), [(402, NoCreditsError), (401, KeyRefusedError), (403, KeyRefusedError)])
def test_an_empty_account_or_a_refused_key_stops_every_purchase_of_the_run(open_run, ledger, status, error) -> None:
    wire = Wire((status, {}), accepted())

    async def work():
        async with open_run(wire) as session:
            with pytest.raises(error) as caught:
                await submit(session, await wanted(session))
            assert session.spending.halted is caught.value
            with pytest.raises(error) as again:
                await submit(session, await wanted(session, take=2))
            assert again.value is caught.value
            assert session.account.queue.empty

    run(work())
    assert (wire.posts, kinds(ledger)) == (1, ["intent", "refused"])


def test_a_budget_that_is_reached_stops_every_purchase_before_the_post(open_run, ledger) -> None:
    wire = Wire(accepted(), accepted(2))

    async def work():
        async with open_run(wire, budget=PRICE) as session:
            await submit(session, await wanted(session))
            with pytest.raises(BudgetError) as caught:
                await submit(session, await wanted(session, take=2))
            assert session.spending.halted is caught.value
            with pytest.raises(BudgetError) as again:
                await submit(session, await wanted(session, take=3))
            assert again.value is caught.value

    run(work())
    assert (wire.posts, kinds(ledger)) == (1, ["intent", "accepted"])


def test_a_take_that_the_agreed_plan_does_not_have_is_not_bought_and_stops_no_other(open_run, ledger) -> None:
    wire = Wire(accepted())

    async def work():
        async with open_run(wire) as session:
            key = (await wanted(session)).take_key
            agreed = AgreedTake(shot="one", take=1, description=key.description)
            session.spending.agreement = Agreement.model_construct(digest="0" * 32, takes=(agreed,))
            with pytest.raises(PlanChangedError, match="take 2 is not in plan"):
                await submit(session, await wanted(session, take=2))
            return await submit(session, await wanted(session))

    assert run(work()).task_id == "task_00000001"
    assert (wire.posts, kinds(ledger)) == (1, ["intent", "accepted"])


# -- in doubt ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((500, {}), "HTTP 500"),
        ((200, {"id": "x"}), "HTTP 200 without a usable task id"),
        ((302, {}), "HTTP 302"),
        ((408, {}), "HTTP 408"),
        (httpx.ReadError("cut"), "ReadError: cut"),
        (RuntimeError("a bug"), "RuntimeError: a bug"),
    ],
    ids=str,
)
def test_any_other_end_of_the_post_is_a_doubt_that_holds_its_credits(buy, ledger, sleeps, answer, reason) -> None:
    wire = Wire(answer, accepted())
    with pytest.raises(InDoubtError, match="may have been charged") as caught:
        buy(wire)
    assert (caught.value.attempt, caught.value.credits, caught.value.label) == ("a1", PRICE, "s/one · take 1")
    assert reason in last(ledger, "in_doubt").reason
    assert (kinds(ledger), ledger.read().used(film="a-film").film) == (["intent", "in_doubt"], PRICE)
    with pytest.raises(InDoubtError):
        buy(wire)
    assert (wire.posts, len(kinds(ledger)), sleeps) == (1, 2, [])


@pytest.mark.parametrize("account", ["another key", "another name of the host"])
def test_a_take_that_is_open_in_another_ledger_is_not_bought(open_run, ledger, store, account) -> None:
    key, host = ("sk-other-0123456789", HOST) if account == "another key" else (KEY, f"www.{HOST}")
    other = Ledger(store, account_of(host, key))
    wire = Wire(accepted())

    async def work():
        async with open_run(wire) as session:
            take_request = await wanted(session)
            attempt = claim(other, purchase("one", fingerprint=take_request.take_key.fingerprint)).attempt
            session.spending.foreign = {take_request.take_key.fingerprint: (other.account, attempt)}
            with pytest.raises(InDoubtError) as caught:
                await submit(session, take_request)
            assert session.spending.halted is None
            await submit(session, await wanted(session, take=2))
            return caught.value

    error = run(work())
    assert f"attempt a1 of account {other.account} is open (intent)" in error.message
    assert (error.attempt, wire.posts) == ("a1", 1)
    assert (f"LONGTAKE_ACCOUNT={other.account}" in error.next_step) is (account != "another key")
    assert ("another ledger of this key" in error.message) is (account != "another key")


def test_a_post_that_takes_long_keeps_its_lease(buy, ledger, monkeypatch) -> None:
    monkeypatch.setattr(importlib.import_module("longtake.take.submit"), "LEASE", timedelta(milliseconds=40))

    async def late():
        async with asyncio.timeout(60):
            while "renewed" not in kinds(ledger):  # noqa: ASYNC110 - the renewal writes it
                await asyncio.sleep(0.01)
        return accepted()

    assert buy(Wire(late)).phase == "accepted"
    until = [entry.lease_until for _, entry in ledger.log.entries() if entry.kind in {"intent", "renewed"}]
    assert until == sorted(set(until))


# -- what cannot be written ----------------------------------------------------------------------------------------------


class Away:
    """A store that does not take entries of one kind, so many times."""

    def __init__(self, inner, kind, times):
        self.inner, self.kind, self.left = inner, f'"{kind}"'.encode(), times

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def put_if_absent(self, key, data, **options):
        if self.kind in data and self.left:
            self.left -= 1
            raise StoreError("away", key=key)
        return self.inner.put_if_absent(key, data, **options)


def with_store(ledger, kind, times):
    def prepare(session):
        session.ledger.log.store = Away(ledger.log.store, kind, times)

    return prepare


def test_an_outcome_is_written_as_soon_as_the_store_takes_it(buy, ledger, sleeps) -> None:
    assert buy(Wire(accepted()), prepare=with_store(ledger, "accepted", 5)).task_id == "task_00000001"
    assert sleeps == [0.5, 1, 2, 4, 5]
    assert kinds(ledger) == ["intent", "accepted"]


def test_a_task_id_that_cannot_be_written_is_in_the_error(buy, ledger, sleeps, caplog) -> None:
    with pytest.raises(TaskIdNotRecordedError) as caught:
        buy(Wire(accepted()), prepare=with_store(ledger, "accepted", 99))
    assert (caught.value.task_id, caught.value.attempt) == ("task_00000001", "a1")
    assert len(sleeps) == 5
    assert "task_00000001" in "".join(one.getMessage() for one in caplog.records if one.levelname == "CRITICAL")


def test_a_store_that_is_away_before_the_intent_sends_nothing(buy, ledger) -> None:
    wire = Wire(accepted())
    with pytest.raises(StoreError):
        buy(wire, prepare=with_store(ledger, "intent", 1))
    assert (wire.posts, kinds(ledger)) == (0, [])


# -- cancelled -----------------------------------------------------------------------------------------------------------


def test_a_run_that_is_cancelled_before_its_post_sends_nothing_and_says_so(open_run, ledger, monkeypatch) -> None:
    wire = Wire(accepted())

    async def work():
        async with open_run(wire) as session:
            take_request, claimed = await wanted(session), asyncio.Event()
            loop, real = asyncio.get_running_loop(), session.ledger.claim

            def slow(*args, **options):
                found = real(*args, **options)
                loop.call_soon_threadsafe(claimed.set)
                loop.call_soon_threadsafe(job.cancel)
                return found

            monkeypatch.setattr(session.ledger, "claim", slow)
            job = asyncio.create_task(submit(session, take_request))
            await claimed.wait()
            with pytest.raises(asyncio.CancelledError):
                await job

    run(work())
    assert (wire.posts, kinds(ledger)) == (0, ["intent", "not_sent"])
    assert last(ledger, "not_sent").reason == "the run was cancelled"


def test_a_post_that_is_open_when_the_run_is_cancelled_is_written_to_its_end(open_run, ledger) -> None:
    async def work():
        posting, go_on = asyncio.Event(), asyncio.Event()

        async def slow():
            posting.set()
            await go_on.wait()
            return accepted()

        async with open_run(Wire(slow)) as session:
            job = asyncio.create_task(submit(session, await wanted(session)))
            await posting.wait()
            for _ in range(3):  # a second signal does not cut it short
                job.cancel()
                await asyncio.sleep(0)
            assert not job.done()
            go_on.set()
            with pytest.raises(asyncio.CancelledError):
                await job

    run(work())
    assert kinds(ledger) == ["intent", "accepted"]
