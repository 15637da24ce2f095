"""The account of a run: what is in flight, what polls and readings of the balance write down, and how the first in line waits."""

from __future__ import annotations

import asyncio
import random
import threading
from datetime import timedelta

import httpx
import pytest
from memory_store import MemoryStore
from purchases import claim, purchase
from wire import ACCOUNT, FILM, Wire, accepted, run_on, wanted

from longtake.errors import KeyRefusedError, LedgerError, PollTimeoutError, TaskFailedError
from longtake.ledger import Budget, Ledger, claim_wait, owner
from longtake.ledger import entries as e
from longtake.ledger.budget import UsedElsewhere
from longtake.ledger.ledger import now
from longtake.provider.polling import PollCadence
from longtake.take import SetTag, account, submit
from longtake.take.poll import poll
from longtake.take.purchase_queue import PurchaseQueue
from longtake.take.spending import Spending

run = asyncio.run
QUICK = PollCadence(soonest=0.01, shortest=0.01, longest=0.02, longest_fault=0.02)
MADE = {"status": "completed", "usage": {"credits": 310}, "output": {"video_urls": ["https://x.example/a.mp4"]}}
FAILED = {"status": "failed", "error": {"code": 80003, "message": "overloaded"}}


@pytest.fixture
def ledger():
    return Ledger(MemoryStore(), ACCOUNT)


def begin(ledger, shot="rocks", *, at=None, **fields):
    attempt = claim(ledger, shot, fingerprint=f"fingerprint-of-{shot}", **fields).attempt
    entry = e.Accepted(at=at or now(), by=owner.current(), attempt=attempt.id, task_id=f"task_of_{shot}")
    ledger.log.append(lambda _: entry)
    return ledger.read().attempts[attempt.id]


def opened(ledger, balance=1000):
    entry = e.Balance(at=now(), by=owner.current(), balance=balance)
    ledger.log.append(lambda _: entry)


def kinds(ledger):
    return [entry.kind for _, entry in ledger.log.entries()]


def inside(ledger, work, wire=None, **options):
    """What `work` gives in a session over a wire."""

    async def go():
        async with run_on(wire or Wire(), ledger, cadence=QUICK, **options) as session:
            return await work(session)

    return run(go())


# -- polls ---------------------------------------------------------------------------------------------------------------


def polled(ledger, attempt, wire, *, longest=60.0):
    return inside(ledger, lambda s: poll(ledger, s.account.provider, attempt, longest=longest), wire)


def test_a_task_that_was_made_is_completed_with_what_it_cost(ledger) -> None:
    attempt, wire = begin(ledger), Wire()
    wire.tasks["task_of_rocks"] = MADE
    assert polled(ledger, attempt, wire).video_urls == ("https://x.example/a.mp4",)
    assert (kinds(ledger)[-1], ledger.read().attempts[attempt.id].credits) == ("completed", 310)


@pytest.mark.parametrize(("code", "retryable"), [(80003, True), (80006, False)])
def test_a_task_that_failed_is_refunded_and_says_whether_another_may_help(ledger, code, retryable) -> None:
    attempt, wire = begin(ledger), Wire()
    wire.tasks["task_of_rocks"] = {"status": "failed", "error": {"code": code, "message": "no luck"}}
    with pytest.raises(TaskFailedError, match="no luck") as caught:
        polled(ledger, attempt, wire)
    assert (caught.value.code, caught.value.retryable, caught.value.task_id) == (code, retryable, "task_of_rocks")
    (failed,) = [entry for _, entry in ledger.log.entries() if entry.kind == "failed"]
    assert (failed.code, failed.message, failed.retryable) == (code, "no luck", retryable)
    assert (kinds(ledger)[-1], ledger.read().attempts) == ("refunded", {})


def test_a_failure_whose_refund_was_not_booked_is_booked_without_a_poll(ledger) -> None:
    attempt, wire = begin(ledger), Wire()
    entry = e.Failed(at=now(), by="dead", attempt=attempt.id, code=80003, message="overloaded", retryable=True)
    ledger.log.append(lambda _: entry)
    with pytest.raises(TaskFailedError, match=f"{attempt.order.label} failed: overloaded") as caught:
        polled(ledger, ledger.read().attempts[attempt.id], wire)
    assert (caught.value.code, caught.value.retryable, caught.value.task_id) == (80003, True, "task_of_rocks")
    assert (wire.polls, kinds(ledger)[-2:]) == ([], ["failed", "refunded"])


def test_an_attempt_without_a_task_cannot_be_polled(ledger) -> None:
    attempt = claim(ledger).attempt
    with pytest.raises(LedgerError, match=f"attempt {attempt.id} has no task to poll"):
        polled(ledger, attempt, Wire())


def test_a_task_that_goes_on_stays_accepted(ledger) -> None:
    attempt = begin(ledger)
    with pytest.raises(PollTimeoutError):
        polled(ledger, attempt, Wire(), longest=0.05)
    assert kinds(ledger) == ["intent", "accepted"]


def test_tasks_of_one_model_and_price_are_taken_to_last_as_long(ledger, monkeypatch) -> None:
    begun = [begin(ledger, shot, credits=credits) for shot, credits in (("a", 160), ("b", 160), ("c", 320))]
    begun.append(begin(ledger, "d", at=now() - timedelta(minutes=5)))
    begun.append(begin(ledger, "e", at=now() + timedelta(minutes=5)))
    asked, wire = [], Wire()

    async def work(session):
        real = session.account.provider.wait

        async def noted(task, **options):
            asked.append(options)
            return await real(task, **options)

        monkeypatch.setattr(session.account.provider, "wait", noted)
        for attempt in begun:
            wire.tasks[attempt.task_id] = MADE
            await poll(ledger, session.account.provider, attempt, longest=77.0)

    inside(ledger, work, wire)
    assert [one["kind"] for one in asked] == [f"seedance-2.5 {credits}" for credits in (160, 160, 320, 160, 160)]
    assert {one["longest"] for one in asked} == {77.0}
    assert [round(one["going"] / 60) for one in asked] == [0, 0, 0, 5, 0]
    assert asked[-1]["going"] == 0, "another machine's clock is ahead"


# -- readings of the balance ---------------------------------------------------------------------------------------------


def reading(ledger, wire):
    return inside(ledger, lambda session: session.account.balance(session.store), wire)


def test_a_reading_polls_what_is_open_first(ledger) -> None:
    opened(ledger)
    begin(ledger, "made"), begin(ledger, "failed")
    wire = Wire()
    wire.tasks = {"task_of_made": MADE, "task_of_failed": FAILED}
    wire.credits = 1000 - 310
    report = reading(ledger, wire)
    assert (report.balance, report.drift, ledger.read().unproven) == (690, 0, [])
    assert [entry.retryable for _, entry in ledger.log.entries() if entry.kind == "failed"] == [True]


def test_nothing_is_read_while_a_task_goes_on(ledger) -> None:
    opened(ledger)
    begin(ledger)
    assert reading(ledger, Wire()) is None


@pytest.mark.parametrize("trouble", [(500, {}), (429, {}), (200, {"balance": "much"})])
def test_a_reading_is_never_worth_failing_for(ledger, trouble) -> None:
    wire = Wire()
    wire.credits = trouble
    assert reading(ledger, wire) is None


def test_a_refused_key_is_said_by_a_reading_too(ledger) -> None:
    wire = Wire()
    wire.credits = (401, {})
    with pytest.raises(KeyRefusedError):
        reading(ledger, wire)


def test_a_provider_that_does_not_answer_is_left_alone_after_a_while(ledger) -> None:
    class Silent(Wire):
        async def handle_async_request(self, _):
            await asyncio.Event().wait()

    def work(session):
        return session.account.balance(session.store, patience=0.05)

    assert inside(ledger, work, Silent()) is None


# -- refunds -------------------------------------------------------------------------------------------------------------


def seen(ledger, wire, *, wait=0.0):
    return inside(ledger, lambda session: session.account.see_refunds(session.store, wait=wait), wire)


def owed(ledger):
    opened(ledger)
    attempt = begin(ledger, "failed")
    ledger.failed(attempt, code=80003, message="overloaded", retryable=True)


def test_a_refund_that_the_balance_shows_is_seen(ledger) -> None:
    owed(ledger)
    assert seen(ledger, Wire()) is True
    assert ledger.read().unproven == []
    assert seen(ledger, Wire()) is False, "none is waited for any more"


@pytest.mark.parametrize("balance", [840, 900])
def test_a_refund_that_the_balance_does_not_show_is_not_seen(ledger, balance) -> None:
    owed(ledger)
    wire = Wire()
    wire.credits = balance
    assert seen(ledger, wire, wait=60) is False


def test_a_missing_refund_that_comes_is_seen(ledger) -> None:
    owed(ledger)
    wire = Wire()
    wire.credits = 840
    seen(ledger, wire)
    assert [one.credits for one in ledger.read().missing] == [160]
    wire.credits = 1000
    assert seen(ledger, wire) is True


def test_tasks_that_hide_a_refund_are_waited_for(ledger, monkeypatch) -> None:
    owed(ledger)
    begin(ledger, "going")
    wire, slept, sleep = Wire(), [], asyncio.sleep
    wire.credits = 1000 - 310
    monkeypatch.setattr(random, "uniform", lambda low, high: (low + high) / 2)

    async def noted(seconds, result=None):
        if threading.current_thread() is not threading.main_thread():
            return await sleep(seconds, result)  # an emulator in a thread, of other tests
        if seconds >= 1:
            slept.append(seconds)
            if len(slept) == 7:
                wire.tasks["task_of_going"] = MADE
        return await sleep(0 if seconds >= 1 else seconds, result)

    monkeypatch.setattr(asyncio, "sleep", noted)
    assert seen(ledger, wire, wait=3600) is True
    assert slept == [each * 1.125 for each in (1, 2, 3, 4, 5, 5, 5)]


# -- in flight, and the line ---------------------------------------------------------------------------------------------


def test_in_flight_is_what_was_accepted_within_the_longest_task(ledger) -> None:
    claim(ledger, "post")
    young = begin(ledger, "young", at=now() - timedelta(minutes=59))
    begin(ledger, "old", at=now() - timedelta(minutes=61))
    ledger.completed(begin(ledger, "made"), 160)

    async def work(session):
        return await session.account.in_flight()

    assert [a.id for a in inside(ledger, work)] == [young.id]


def test_the_first_in_line_looks_less_and_less_often_and_polls_what_may_have_ended(ledger, monkeypatch) -> None:
    begin(ledger, "a"), begin(ledger, "b")
    wire, slept, sleep = Wire(), [], asyncio.sleep
    monkeypatch.setattr(random, "uniform", lambda low, high: (low + high) / 2)

    async def noted(seconds, result=None):
        if threading.current_thread() is not threading.main_thread():
            return await sleep(seconds, result)  # as above
        if seconds:
            slept.append(seconds / 1.125)
        return await sleep(0, result)

    async def work(session):
        monkeypatch.setattr(asyncio, "sleep", noted)
        for looks in range(1, 9):
            await session.account.pause(0.001, looks)
        assert wire.polls == ["task_of_b", "task_of_a"], "from the seventh look on"
        for after in (3.0, 60.0):
            await session.account.pause(after, 2)
        assert len(wire.polls) == 4
        await session.account.pause(3.0, 1)
        assert len(wire.polls) == 4
        wire.tasks["task_of_a"] = MADE
        await session.account.pause(3.0, 2)

    inside(ledger, work, wire)
    waits = [0.001, 0.04, 0.08, 0.16, 0.32, 0.64, 1, 1, 3, 5, 3, 3]
    assert slept == pytest.approx(waits)
    assert {a.order.shot: a.phase for a in ledger.read().attempts.values()} == {"a": "completed", "b": "accepted"}


@pytest.mark.parametrize("trouble", [{"status": 7}, {"id": "task_of_another"}])
def test_a_poll_of_the_first_in_line_that_goes_wrong_is_nothing(ledger, trouble) -> None:
    begin(ledger, "a")
    wire = Wire()
    wire.tasks["task_of_a"] = trouble
    inside(ledger, lambda session: session.account.pause(1.0, 2), wire)
    assert set(wire.polls) == {"task_of_a"}


def test_a_queue_is_first_come_first_served_whoever_leaves(ledger) -> None:
    async def work():
        queue = PurchaseQueue()
        assert queue.empty
        with queue.place() as one, queue.place() as two:
            with queue.place() as three:
                assert [place.turn.is_set() for place in (one, two, three)] == [True, False, False]
            assert not two.turn.is_set(), "the last one left"
            with queue.place() as four:
                one.leave()
                one.leave()
                assert (two.turn.is_set(), four.turn.is_set()) == (True, False)
            assert not queue.empty
        assert queue.empty
        with pytest.raises(ZeroDivisionError), queue.place():
            raise ZeroDivisionError
        assert queue.empty

    run(work())


# -- what a run may spend ------------------------------------------------------------------------------------------------


def test_labels_of_a_tag_are_merged_the_later_ones_first_and_sorted() -> None:
    tag = SetTag("a-set", (("x", "y"),), 900)
    labeled = tag.labeled({"b": "1", "a": "1"}, {"b": "2"})
    assert labeled == SetTag("a-set", (("a", "1"), ("b", "2")), 900)


def test_a_run_is_bound_by_the_lowest_of_its_budgets(ledger) -> None:
    async def work(session):
        return session.spending.fixed, session.spending.base, session.spending.budget

    given = {"budget": 900, "tag": SetTag("a-set", (), 800), "run_budget": 500, "day_budget": 700}
    fixed, base, force = inside(ledger, work, **given)
    assert fixed == Budget(run=500, day=700)
    assert base == force == Budget(film=900, set=800, run=500, day=700)


def test_what_counts_against_a_run_is_of_its_film_its_set_its_run_and_other_keys(ledger) -> None:
    opened(ledger)
    for film, film_set, name in ((FILM, "a-set", "this"), (FILM, "", "other"), ("b", "a-set", "this"), ("b", "", "x")):
        claim(ledger, purchase(f"{film} {film_set} {name}", film=film, set=film_set, run=name))
    spending = Spending(
        FILM, "this", Budget(), Budget(), SetTag("a-set"), elsewhere=UsedElsewhere(film=7, set=8, run=9)
    )
    used = spending.used(ledger)
    assert (used.film, used.set, used.run, used.day) == (2 * 160 + 7, 2 * 160 + 8, 2 * 160 + 9, 4 * 160)


def test_a_run_without_a_name_gets_one_of_its_own(ledger) -> None:
    async def work(session):
        return session.run

    first, second = (inside(ledger, work, run=None) for _ in range(2))
    assert first != second
    assert len(first) == 32


def test_takes_of_a_run_are_bought_one_after_the_other_within_the_accounts_limit(ledger, monkeypatch) -> None:
    for module in (account, claim_wait):
        monkeypatch.setattr(module, "LOOK_AGAIN", 0.01)
    wire = Wire(accepted(1), accepted(2), accepted(3))
    wire.tasks = {f"task_{number:08d}": MADE for number in (1, 2, 3)}

    async def work(session):
        requests = [await wanted(session, take=number) for number in (1, 2, 3)]
        return await asyncio.gather(*(submit(session, one) for one in requests))

    bought = inside(ledger, work, wire, account_in_flight=1)
    assert [attempt.order.take for attempt in bought] == [1, 2, 3]
    order = [kind for kind in kinds(ledger) if kind in {"intent", "completed"}]
    assert order == ["intent", "completed", "intent", "completed", "intent"]


def test_an_error_of_the_wire_while_polling_is_asked_again(ledger) -> None:
    attempt, wire = begin(ledger), Wire()
    answers = [httpx.ReadError("cut"), None]

    class Once(Wire):
        async def handle_async_request(self, request):
            error = answers.pop(0) if answers else None
            if error is not None:
                raise error
            return await wire.handle_async_request(request)

    wire.tasks["task_of_rocks"] = MADE
    assert polled(ledger, attempt, Once()).status == "completed"
