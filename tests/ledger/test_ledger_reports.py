"""What a reconciliation and a quiet reading report and write down, case by case, with a provider that is two numbers."""

from __future__ import annotations

import asyncio
import types
from dataclasses import replace
from datetime import timedelta

import pytest
from memory_store import MemoryStore
from purchases import claim, purchase

from longtake.errors import LedgerError, ProviderUnavailableError, UnknownTaskError
from longtake.ledger import Ledger, ReconcileReport, check_balance, owner, poll_known
from longtake.ledger import entries as e
from longtake.ledger.ledger import now
from longtake.ledger.reconcile import QUIET, reconcile

run = asyncio.run


class Provider:
    """Its balance, and the tasks that have ended: by id, whether they were made and what they cost or why they failed."""

    def __init__(self, balance=1000):
        self.money = balance
        self.ended = {}
        self.asked = []

    async def balance(self):
        return self.money

    async def poll(self, task):
        self.asked.append(task)
        fields = {"status": "processing", "credits": None, "error_code": None, "error_message": None}
        if self.ended.get(task, "") is None:
            raise UnknownTaskError("not known", status=404)
        return types.SimpleNamespace(**{**fields, **self.ended.get(task, {})})


@pytest.fixture
def provider():
    return Provider()


@pytest.fixture
def ledger():
    return Ledger(MemoryStore(), "account-0123456789ab")


def settle(ledger, provider, **options):
    given = {"retryable": lambda task: task.error_code == 80003, "quiet": 0, **options}
    return run(reconcile(ledger, provider, **given))


def check(ledger, provider):
    return run(check_balance(ledger, provider))


def doubt(ledger, shot, **fields):
    attempt = claim(ledger, shot, **fields).attempt
    ledger.in_doubt(attempt, "lost")
    return attempt.id


def begin(ledger, provider, shot, **fields):
    """Buy a task that goes on."""
    attempt = claim(ledger, shot, **fields).attempt
    provider.money -= attempt.order.reserve
    ledger.accepted(attempt, f"task_of_{shot}")
    return attempt


def refund_due(ledger, provider, shot, *, comes):
    """Buy a task that fails; says its attempt."""
    attempt = begin(ledger, provider, shot)
    ledger.failed(attempt, code=80003, message="overloaded", retryable=True)
    provider.money += attempt.order.reserve * comes
    return attempt.id


def kinds(ledger):
    return [entry.kind for _, entry in ledger.log.entries()]


def agreed(ledger):
    return f"{ledger.read().agreed.at:%Y-%m-%d %H:%M:%S} UTC"


# -- doubts --------------------------------------------------------------------------------------------------------------


def test_without_a_balance_every_doubt_needs_a_person(ledger, provider) -> None:
    ids = [doubt(ledger, shot) for shot in "ab"]
    provider.money = None
    report = settle(ledger, provider)
    assert report == ReconcileReport(undecided=ids, needs_person=ids, note=report.note)
    assert "offers no balance" in report.note


def test_without_an_opening_balance_every_doubt_needs_a_person(ledger, provider) -> None:
    ids = [doubt(ledger, shot) for shot in "ab"]
    report = settle(ledger, provider)
    assert report == ReconcileReport(balance=1000, undecided=ids, needs_person=ids, note=report.note)
    assert "no opening balance" in report.note
    assert ledger.read().opening is None


@pytest.mark.parametrize("under_way", [False, True])
def test_a_first_reconciliation_opens_the_account_when_nothing_is_under_way(ledger, provider, under_way) -> None:
    if under_way:
        begin(ledger, provider, "rocks")
    settle(ledger, provider)
    assert ledger.read().opening == (None if under_way else 1000)


def test_a_doubt_that_cost_nothing_is_free_and_the_reading_is_written(ledger, provider) -> None:
    check(ledger, provider)
    opened = agreed(ledger)
    free = doubt(ledger, "rocks")
    report = settle(ledger, provider)
    expected = ReconcileReport(balance=1000, expected=1000, drift=0, since=opened, not_charged=[free])
    assert report == expected
    (entry,) = [one for _, one in ledger.log.entries() if one.kind == "not_charged"]
    assert (entry.who, entry.attempt, entry.why) == ("reconcile", free, "the balance of 1000 is explained without it")
    assert kinds(ledger)[-3:] == ["not_charged", "balance", "lifted"]
    assert (ledger.read().checked.balance, ledger.read().checked.drift) == (1000, 0)


@pytest.mark.parametrize("age", [3590, 3610])
def test_a_charged_doubt_is_held_and_a_person_is_asked_after_the_longest_generation(ledger, provider, age) -> None:
    check(ledger, provider)
    at = now() - timedelta(seconds=age)
    entry = e.Intent(at=at, by="elsewhere", order=purchase(), number=1, lease_until=at, body={})
    ledger.log.append(lambda _: entry)
    provider.money -= 160
    late = ["a2"] if age > 3600 else []
    for _ in range(2):
        report = settle(ledger, provider)
        assert (report.held, report.needs_person, report.not_charged, report.undecided) == (["a2"], late, [], [])
        assert (report.drift, report.unexplained, report.note, report.in_doubt) == (-160, 0, "", ["a2"])
    assert kinds(ledger).count("held") == 1
    assert kinds(ledger)[-1] == "lifted", "no reading is written while a doubt is open"
    assert settle(ledger, provider, longest=age - 60).needs_person == ["a2"]
    provider.money += 160
    assert settle(ledger, provider).refunded == ["a2"]
    (back,) = [one for _, one in ledger.log.entries() if one.kind == "refunded"]
    assert (back.credits, back.proof) == (160, "balance")
    assert (ledger.read().debits, ledger.read().refunds, ledger.read().checked.drift) == (160, 160, 0)


def test_what_no_set_of_doubts_explains_is_named_and_decides_nothing(ledger, provider) -> None:
    check(ledger, provider)
    ids = [doubt(ledger, shot) for shot in "ab"]
    provider.money -= 100
    report = settle(ledger, provider)
    assert (report.unexplained, report.drift, report.undecided, report.needs_person) == (-100, -100, ids, ids)
    assert "the balance is -100 credits off" in report.note
    assert "balance" not in kinds(ledger)[1:]


def test_of_two_doubts_of_one_price_a_person_is_told_both(ledger, provider) -> None:
    check(ledger, provider)
    ids = [doubt(ledger, shot) for shot in "ab"]
    provider.money -= 160
    report = settle(ledger, provider)
    assert (report.undecided, report.needs_person, report.unexplained) == (ids, ids, 0)
    assert report.note == (
        f"160 credits are missing, and more than one thing explains it: {ids[0]} was charged; {ids[1]} was charged"
    )


def test_a_doubt_that_costs_what_a_refund_owes_is_undecided_and_both_are_named(ledger, provider) -> None:
    check(ledger, provider)
    failed = refund_due(ledger, provider, "sea", comes=False)
    lost = doubt(ledger, "rocks")
    report = settle(ledger, provider)
    assert (report.undecided, report.needs_person, report.refunds_missing) == ([lost], [lost], [])
    assert report.note.endswith(f"{lost} was charged; the refund of {failed} is missing")
    assert "refund_missing" not in kinds(ledger)


def test_while_a_task_is_under_way_waiting_is_enough(ledger, provider) -> None:
    check(ledger, provider)
    lost = doubt(ledger, "rocks")
    begin(ledger, provider, "sea")
    report = settle(ledger, provider)
    assert (report.undecided, report.needs_person) == ([lost], [])
    assert report.note == "1 tasks are under way: more is certain when they have ended"
    other = doubt(ledger, "sky", credits=320)
    provider.money -= 320
    report = settle(ledger, provider)
    assert (report.held, report.undecided, report.needs_person) == ([other], [lost], [])


def test_of_an_open_length_the_price_is_never_known(ledger, provider) -> None:
    check(ledger, provider)
    lost = doubt(ledger, "rocks", exact=False)
    for missing in (50, 160):
        provider.money = 1000 - missing
        report = settle(ledger, provider)
        assert (report.held, report.undecided, report.needs_person) == ([], [lost], [lost])
        assert report.unexplained == 0
    provider.money = 1000
    assert settle(ledger, provider).not_charged == [lost]


@pytest.mark.parametrize("off", [-40, 40])
def test_a_balance_that_was_off_before_the_doubt_decides_nothing(ledger, provider, off) -> None:
    check(ledger, provider)
    provider.money += off
    assert check(ledger, provider).unexplained == off
    lost = doubt(ledger, "rocks")
    report = settle(ledger, provider)
    assert (report.undecided, report.needs_person, report.unexplained) == ([lost], [lost], off)
    assert f"the balance was {off:+} credits off before these doubts" in report.note


def test_a_lost_entry_may_have_moved_the_balance_and_nothing_is_decided(ledger, provider) -> None:
    check(ledger, provider)
    attempt = claim(ledger, "rocks").attempt
    ledger.log.append(lambda _: e.Lost(at=now(), by="me", before=None, who="me", why="gone"))
    report = settle(ledger, provider)
    assert (report.undecided, report.needs_person) == ([attempt.id], [attempt.id])
    assert "an entry of the ledger is lost" in report.note


# -- refunds -------------------------------------------------------------------------------------------------------------


def test_reconciling_proves_refunds_and_names_those_that_are_missing(ledger, provider) -> None:
    check(ledger, provider)
    came, gone = refund_due(ledger, provider, "a", comes=True), claim(ledger, "b", credits=320).attempt
    ledger.accepted(gone, "task_of_b")
    provider.money -= 320
    ledger.failed(gone, code=80003, message="overloaded", retryable=True)
    report = settle(ledger, provider)
    assert (report.refunds_missing, report.drift, report.unexplained, report.undecided) == ([gone.id], -320, 0, [])
    state = ledger.read()
    assert ([one.attempt for one in state.missing], state.unproven, state.checked.drift) == ([gone.id], [], 0)
    assert came not in report.refunds_missing
    provider.money += 320
    report = settle(ledger, provider)
    assert (report.refunded, report.unexplained, ledger.read().missing) == ([gone.id], 0, [])


def test_a_proven_refund_is_found_although_a_doubt_stays_open(ledger, provider) -> None:
    check(ledger, provider)
    came = refund_due(ledger, provider, "a", comes=True)
    held = doubt(ledger, "b", credits=320)
    provider.money -= 320
    report = settle(ledger, provider)
    assert (report.held, ledger.read().unproven) == ([held], [])
    (found,) = [one for _, one in ledger.log.entries() if one.kind == "refund_found"]
    assert (found.attempt, found.credits, found.who) == (came, 160, None)


@pytest.mark.parametrize("comes", [True, False])
def test_a_quiet_reading_proves_a_refund_or_says_that_it_is_missing(ledger, provider, comes) -> None:
    check(ledger, provider)
    failed = refund_due(ledger, provider, "a", comes=comes)
    report = check(ledger, provider)
    missing = [] if comes else [failed]
    drift = 0 if comes else -160
    expected = ReconcileReport(balance=1000 + drift, expected=1000, drift=drift, refunds_missing=missing)
    assert replace(report, since=None, expected=1000) == expected
    assert report.since == agreed(ledger)
    assert [one.attempt for one in ledger.read().missing] == missing
    assert check(ledger, provider).drift == 0
    if not comes:
        provider.money += 160
        late = check(ledger, provider)
        assert (late.refunded, late.refunds_missing, late.unexplained, late.drift) == ([failed], [], 0, 160)


def test_a_drift_that_no_refund_explains_is_unexplained(ledger, provider) -> None:
    check(ledger, provider)
    refund_due(ledger, provider, "a", comes=False)
    provider.money -= 1
    report = check(ledger, provider)
    assert (report.unexplained, report.refunds_missing, report.note) == (-161, [], "")
    assert ledger.read().missing == []


@pytest.mark.parametrize("what", ["intent", "accepted", "in doubt"])
def test_nothing_is_read_while_something_is_open(ledger, provider, what) -> None:
    check(ledger, provider)
    if what == "accepted":
        begin(ledger, provider, "a")
    elif what == "intent":
        claim(ledger, "a")
    else:
        doubt(ledger, "a")
    head = ledger.read().head
    assert check(ledger, provider) is None
    assert ledger.read().head == head
    provider.money = None
    assert check(Ledger(MemoryStore(), "another-0123456789ab"), provider) is None


def test_a_completed_task_hinders_no_reading(ledger, provider) -> None:
    check(ledger, provider)
    ledger.completed(begin(ledger, provider, "a"), 150)
    provider.money += 10
    assert (check(ledger, provider).drift, check(ledger, provider).expected) == (0, 850)


def test_a_reading_that_never_stands_still_is_given_up(ledger, provider) -> None:
    check(ledger, provider)
    reads = []

    async def moving():
        reads.append(len(reads))
        ledger.adjust(1, who="me", why="meanwhile")
        return 1000

    provider.balance = moving
    assert check(ledger, provider) is None
    assert len(reads) == 5
    with pytest.raises(ProviderUnavailableError, match="kept changing"):
        settle(ledger, provider)
    assert len(reads) == 10
    assert kinds(ledger)[-1] == "lifted"


# -- polls ---------------------------------------------------------------------------------------------------------------


def test_every_known_task_is_asked_for_once_and_its_end_is_written(ledger, provider) -> None:
    names = ("made", "failed", "finally", "going", "unknown")
    made, failed, finally_, going, unknown = (begin(ledger, provider, shot) for shot in names)
    provider.ended = {
        "task_of_made": {"status": "completed", "credits": 150},
        "task_of_failed": {"status": "failed", "error_code": 80003, "error_message": "overloaded"},
        "task_of_finally": {"status": "failed"},
        "task_of_unknown": None,
    }
    retryable = lambda task: task.error_code == 80003  # noqa: E731
    run(poll_known(ledger, provider, retryable))
    assert provider.asked == [f"task_of_{shot}" for shot in names]
    state = ledger.read()
    assert {a.id: a.phase for a in state.attempts.values()} == {
        made.id: "completed",
        going.id: "accepted",
        unknown.id: "accepted",
    }
    assert state.attempts[made.id].credits == 150
    ends = [entry for _, entry in ledger.log.entries() if entry.kind == "failed"]
    assert [(end.attempt, end.code, end.message, end.retryable) for end in ends] == [
        (failed.id, 80003, "overloaded", True),
        (finally_.id, None, "", False),
    ]
    run(poll_known(ledger, provider, retryable))
    assert provider.asked[5:] == ["task_of_going", "task_of_unknown"]


def test_a_failure_whose_refund_was_not_written_is_ended_without_a_poll(ledger, provider) -> None:
    attempt = begin(ledger, provider, "a")
    entry = e.Failed(at=now(), by="elsewhere", attempt=attempt.id, code=80003, message="overloaded", retryable=True)
    ledger.log.append(lambda _: entry)
    run(poll_known(ledger, provider, lambda _: False))
    assert (provider.asked, kinds(ledger)[-1], ledger.read().attempts) == ([], "refunded", {})
    assert kinds(ledger).count("failed") == 1


# -- barriers ------------------------------------------------------------------------------------------------------------


def test_a_barrier_outlives_the_quiet_time_by_five_minutes_and_is_lifted(ledger, provider) -> None:
    began = now()
    settle(ledger, provider, quiet=QUIET)  # without a doubt nothing is waited for
    (barrier,) = [entry for _, entry in ledger.log.entries() if entry.kind == "barrier"]
    (lifted,) = [entry for _, entry in ledger.log.entries() if entry.kind == "lifted"]
    assert timedelta(seconds=QUIET + 300) <= barrier.until - began < timedelta(seconds=QUIET + 330)
    assert (lifted.barrier, lifted.by, ledger.read().barrier) == (1, owner.current(), None)


def test_a_barrier_that_stands_stops_a_second_reconciliation_and_stays(ledger, provider) -> None:
    barrier = e.Barrier(at=now(), by="elsewhere", until=now() + timedelta(minutes=1))
    ledger.log.append(lambda _: barrier)
    with pytest.raises(LedgerError, match="another reconciliation of account") as caught:
        settle(ledger, provider)
    assert caught.value.key == ledger.account
    assert (ledger.read().barrier, kinds(ledger)) == (1, ["barrier"])
    assert claim(ledger).kind == "wait"
