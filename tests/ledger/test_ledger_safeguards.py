"""One safeguard of the money to a test: each of these fails when just that safeguard is taken out of the code."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from memory_store import MemoryStore
from purchases import claim, purchase

from longtake import reconciliation
from longtake.cli import main
from longtake.errors import BudgetError, InDoubtError, LedgerError
from longtake.ledger import Budget, Ledger, account_of, owner
from longtake.ledger import entries as e
from longtake.ledger.ledger import LEASE, now
from longtake.ledger.reconcile import QUIET
from longtake.ledger.throttle import SKEW
from longtake.provider.client import POST_TIMEOUT
from longtake.take.submit import _LONGEST_UNSENT

run = asyncio.run
ELSEWHERE = "host/another-boot.4026531836/1/1"
"""A process of another machine: a process with its number runs here, too, and started at another time."""


@pytest.fixture
def ledger():
    return Ledger(MemoryStore(), account_of("127.0.0.1", "key-of-the-safeguard-tests"))


def intent_of_another_machine(ledger, *, lease_until, shot="rocks"):
    entry = e.Intent(at=now(), by=ELSEWHERE, order=purchase(shot), number=1, lease_until=lease_until, body={})
    ledger.log.append(lambda _: entry)


# -- budgets -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scope", ["film", "run", "day"])
def test_one_credit_too_many_is_refused(ledger, scope) -> None:
    claim(ledger, "rocks", budget=Budget(**{scope: 160}))
    with pytest.raises(BudgetError, match=f"the {scope} budget of 319 has 159 left"):
        claim(ledger, "sea", budget=Budget(**{scope: 319}))
    assert claim(ledger, "sea", budget=Budget(**{scope: 320})).kind == "bought"


def test_a_held_doubt_that_is_written_off_is_spent_and_debited(ledger) -> None:
    attempt = claim(ledger).attempt
    ledger.in_doubt(attempt, "lost")
    held = e.Held(at=now(), by=owner.current(), attempt=attempt.id, why="the balance is short by this")
    ledger.log.append(lambda _: held)
    ledger.resolve(attempt.id, "written_off", who="me", why="the provider cannot find it")
    state = ledger.read()
    assert (state.debits, state.films, state.attempts) == (160, {"a-film": 160}, {})


# -- leases --------------------------------------------------------------------------------------------------------------


def test_a_lease_has_an_allowance_for_clocks_that_differ(ledger) -> None:
    intent_of_another_machine(ledger, lease_until=now() - SKEW / 2)
    assert claim(ledger).kind == "wait"


def test_a_lease_that_ran_out_is_a_doubt(ledger) -> None:
    intent_of_another_machine(ledger, lease_until=now() - SKEW - timedelta(seconds=1))
    with pytest.raises(InDoubtError, match="ended between the intent and the answer"):
        claim(ledger)


def test_a_process_of_another_machine_is_alive_as_long_as_its_lease(ledger) -> None:
    assert not owner.is_dead(ELSEWHERE)
    intent_of_another_machine(ledger, lease_until=now() + LEASE)
    assert claim(ledger).kind == "wait"


def test_a_process_that_proc_hides_is_not_taken_for_dead(monkeypatch) -> None:
    """As with `hidepid`, where another user's processes cannot be looked at."""
    mine, read = owner.current(), owner._read
    monkeypatch.setattr(owner, "_read", lambda path: "-" if path.endswith("/stat") else read(path))
    assert (owner.is_dead(mine), owner.is_alive(mine)) == (False, False)


def test_a_person_who_frees_a_doubt_is_warned_of_a_process_that_may_still_get_the_answer(
    desk, monkeypatch, capsys
) -> None:
    here = desk()
    for name, value in here.environment().items():
        monkeypatch.setenv(name, value)
    for shot, by in (("rocks", owner.current()), ("sea", owner.current()[:-1]), ("sky", ELSEWHERE)):
        entry = e.Intent(at=now(), by=by, order=purchase(shot), number=1, lease_until=now() + LEASE, body={})
        sequence = here.ledger.log.append(lambda _, entry=entry: entry)
        here.ledger.in_doubt(here.ledger.read().attempts[f"a{sequence}"], "lost")
        main(["credits", "resolve", f"a{sequence}", "--not-charged", "--why", "not in the list"])
        assert ("still running" in capsys.readouterr().err) is (shot == "rocks")
    assert here.ledger.read().attempts == {}


# -- reconciling ---------------------------------------------------------------------------------------------------------


class Teller:
    """The provider, for tests of what happens around a reading of the balance."""

    def __init__(self, provider, read):
        self._provider = provider
        self._read = read

    async def poll(self, task_id):
        return await self._provider.poll(task_id)

    async def balance(self):
        self._read()
        return await self._provider.balance()


def test_a_purchase_after_a_barrier_that_expired_stops_the_verdict(desk) -> None:
    here = desk()
    here.lose("rocks", charged=False)
    run(here.buy(rocks=2))
    ledger = here.ledger

    def expire_and_buy():
        barrier = ledger.read().barrier
        if ledger.read().last_intent < barrier:
            # Nobody lifted it: the time of it is over by the clock of the process that buys.
            intent_of_another_machine(ledger, lease_until=now() + LEASE, shot="sea")
            ledger.not_sent(here.attempts()["sea"], "only a claim")

    async def work():
        async with here.provider() as provider:
            await here.reconcile(teller=Teller(provider, expire_and_buy))

    with pytest.raises(LedgerError, match="nothing more was decided"):
        run(work())
    assert here.kinds()[-1] == "lifted"
    assert "not_charged" not in here.kinds()


def test_another_barrier_stops_the_verdict(desk) -> None:
    """The first one's time was over: another process compares the balance, and this one's reading is old."""
    here = desk()
    here.lose("rocks", charged=False)
    run(here.buy(rocks=2))
    barrier = e.Barrier(at=now(), by=ELSEWHERE, until=now() + timedelta(hours=1))

    async def work():
        async with here.provider() as provider:
            await here.reconcile(teller=Teller(provider, lambda: here.ledger.log.append(overtake)))

    def overtake(state):
        return barrier if state.barrier_by != ELSEWHERE else None

    with pytest.raises(LedgerError, match="nothing more was decided"):
        run(work())
    assert here.kinds()[-1] == "barrier"


def test_the_longest_post_ends_before_the_quiet_time_does() -> None:
    assert POST_TIMEOUT + _LONGEST_UNSENT < QUIET


@pytest.fixture
def waits(monkeypatch):
    """What happened, in order: each wait of a minute or more, which takes no time here, and what a test adds."""
    happened, sleep = [], asyncio.sleep

    async def note(seconds, result=None):
        if seconds < 60:
            return await sleep(seconds, result)
        happened.append(seconds)
        return result

    monkeypatch.setattr(asyncio, "sleep", note)
    return happened


def doubt_of_another_machine(here, age):
    entry = e.Intent(at=now() - age, by=ELSEWHERE, order=purchase(), number=1, lease_until=now() - age, body={})
    here.ledger.log.append(lambda _: entry)
    here.ledger.log.append(lambda _: e.InDoubt(at=now() - age, by=ELSEWHERE, attempt="a1", reason="lost"))
    opened = e.Balance(at=now(), by=ELSEWHERE, balance=here.balance())
    here.ledger.log.append(lambda _: opened)


@pytest.mark.parametrize("age", [timedelta(0), timedelta(hours=2), timedelta(days=-1)])
def test_the_balance_is_read_only_after_the_quiet_time(desk, waits, age) -> None:
    """Whatever the clock of the machine says that wrote the doubt."""
    here = desk()
    doubt_of_another_machine(here, age)

    async def work():
        async with here.provider() as provider:
            return await here.reconcile(teller=Teller(provider, lambda: waits.append("read")), quiet=90)

    assert here.names(run(work()).not_charged) == {"rocks"}
    assert waits == [90, "read"]


def test_several_doubts_wait_for_the_quiet_time_together(desk, waits) -> None:
    here = desk()
    here.lose("rocks", "sea", "sky", charged=False)
    run(here.buy(rocks=1, sea=1, sky=1))

    async def work():
        async with here.provider() as provider:
            return await here.reconcile(teller=Teller(provider, lambda: waits.append("read")), quiet=90)

    assert here.names(run(work()).not_charged) == {"rocks", "sea", "sky"}
    assert waits == [90, "read"]


def test_whoever_reconciles_waits_for_the_longest_post_unless_asked_for_less(desk, waits) -> None:
    here = desk()
    doubt_of_another_machine(here, timedelta(0))
    run(reconciliation.run(here.settings))
    assert waits == [QUIET]


# -- days ----------------------------------------------------------------------------------------------------------------


def test_a_day_budget_counts_what_was_begun_on_that_day_whenever_it_ends(ledger) -> None:
    """One attempt is open over midnight, one is settled after it, one is refunded after it: all three are yesterday's."""
    midnight = now().replace(hour=0, minute=0, second=0, microsecond=0)
    before = midnight - timedelta(seconds=1)
    for shot in ("rocks", "sea", "sky"):
        entry = e.Intent(at=before, by=ELSEWHERE, order=purchase(shot), number=1, lease_until=before, body={})
        sequence = ledger.log.append(lambda _, entry=entry: entry)
        attempt = ledger.read().attempts[f"a{sequence}"]
        ledger.accepted(attempt, f"task-of-{shot}")
        if shot == "sea":
            ledger.completed(attempt, 150)
            ledger.settled(attempt, clip="0" * 64)
        elif shot == "sky":
            ledger.failed(attempt, code=80003, message="", retryable=True)
    state = ledger.read()
    days = [f"{at:%Y-%m-%d}" for at in (before, midnight)]
    assert [state.used(film="a-film", run="run", day=day).day for day in days] == [160 + 150 + 160, 0]
    with pytest.raises(BudgetError, match="the day budget of 159"):
        claim(ledger, "fog", budget=Budget(day=159))
    assert claim(ledger, "fog", budget=Budget(day=160)).kind == "bought"
