"""What stops a verdict about doubts, and how long it waits first: against an emulator over HTTP and a store on disk."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from purchases import ELSEWHERE, intent_of_another_machine, purchase

from longtake import reconciliation
from longtake.cli import main
from longtake.errors import InDoubtError, LedgerError
from longtake.ledger import entries as e
from longtake.ledger import owner
from longtake.ledger.ledger import LEASE, now
from longtake.ledger.reconcile import QUIET
from longtake.ledger.repair import repair

run = asyncio.run


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


def test_a_purchase_after_a_barrier_that_expired_stops_the_verdict(buyer) -> None:
    here = buyer()
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
        async with here.client() as provider:
            await here.reconcile(teller=Teller(provider, expire_and_buy))

    with pytest.raises(LedgerError, match="nothing more was decided"):
        run(work())
    assert here.kinds()[-1] == "lifted"
    assert "not_charged" not in here.kinds()


def test_another_barrier_stops_the_verdict(buyer) -> None:
    """The first one's time was over: another process compares the balance, and this one's reading is old."""
    here = buyer()
    here.lose("rocks", charged=False)
    run(here.buy(rocks=2))
    barrier = e.Barrier(at=now(), by=ELSEWHERE, until=now() + timedelta(hours=1))

    async def work():
        async with here.client() as provider:
            await here.reconcile(teller=Teller(provider, lambda: here.ledger.log.append(overtake)))

    def overtake(state):
        return barrier if state.barrier_by != ELSEWHERE else None

    with pytest.raises(LedgerError, match="nothing more was decided"):
        run(work())
    assert here.kinds()[-1] == "barrier"


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
def test_the_balance_is_read_only_after_the_quiet_time(buyer, waits, age) -> None:
    """Whatever the clock of the machine says that wrote the doubt."""
    here = buyer()
    doubt_of_another_machine(here, age)

    async def work():
        async with here.client() as provider:
            return await here.reconcile(teller=Teller(provider, lambda: waits.append("read")), quiet=90)

    assert here.names(run(work()).not_charged) == {"rocks"}
    assert waits == [90, "read"]


def test_several_doubts_wait_for_the_quiet_time_together(buyer, waits) -> None:
    here = buyer()
    here.lose("rocks", "sea", "sky", charged=False)
    run(here.buy(rocks=1, sea=1, sky=1))

    async def work():
        async with here.client() as provider:
            return await here.reconcile(teller=Teller(provider, lambda: waits.append("read")), quiet=90)

    assert here.names(run(work()).not_charged) == {"rocks", "sea", "sky"}
    assert waits == [90, "read"]


def test_whoever_reconciles_waits_for_the_longest_post_unless_asked_for_less(buyer, waits) -> None:
    here = buyer()
    doubt_of_another_machine(here, timedelta(0))
    run(reconciliation.run(here.settings))
    assert waits == [QUIET]


def test_a_doubt_whose_task_another_attempt_was_given_is_held_and_not_bought_again(buyer) -> None:
    """The provider answers with the id of a task whose own answer was lost: that cannot be told from a new one."""
    here = buyer()
    run(here.check())
    here.lose("rocks", charged=True)
    run(here.buy(rocks=2))
    here.emulator.fault({"where": "submit", "what": "same-id", "times": 1})
    sea = run(here.buy(sea=2))["sea"].take
    assert sea.task_id == here.task_of("rocks")
    assert here.names(run(here.reconcile()).held) == {"rocks"}
    before = here.posts
    assert isinstance(run(here.buy(rocks=2))["rocks"], InDoubtError)
    assert here.posts == before == 2


def test_the_balance_tells_nothing_about_doubts_while_a_lost_entry_may_explain_it(buyer) -> None:
    here = buyer()
    here.lose("rocks", charged=True)
    run(here.buy(rocks=2))
    ledger = here.ledger
    ledger.adjust(160, who="me", why="topped up")
    here.emulator.top_up(160)
    head = ledger.read().head
    ledger.adjust(1, who="me", why="a mistake")
    ledger.adjust(-1, who="me", why="taken back")
    ledger.log.store.path(f"ledger/{ledger.account}/{head:012d}.json").unlink()
    repair(ledger.log, who="me", why="a backup was put back")
    report = run(here.reconcile())
    assert (report.not_charged, here.names(report.undecided)) == ([], {"rocks"})
    here.ledger.resolve(f"a{head}", "not_charged", who="me", why="a backup was put back")
    assert run(here.reconcile()).not_charged == []


def test_a_person_who_frees_a_doubt_is_warned_of_a_process_that_may_still_get_the_answer(
    buyer, monkeypatch, capsys
) -> None:
    here = buyer()
    for name, value in here.env.items():
        monkeypatch.setenv(name, value)
    for shot, by in (("rocks", owner.current()), ("sea", owner.current()[:-1]), ("sky", ELSEWHERE)):
        entry = e.Intent(at=now(), by=by, order=purchase(shot), number=1, lease_until=now() + LEASE, body={})
        sequence = here.ledger.log.append(lambda _, entry=entry: entry)
        here.ledger.in_doubt(here.ledger.read().attempts[f"a{sequence}"], "lost")
        main(["credits", "resolve", f"a{sequence}", "--not-charged", "--why", "not in the list"])
        assert ("still running" in capsys.readouterr().err) is (shot == "rocks")
    assert here.ledger.read().attempts == {}
