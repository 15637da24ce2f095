"""Waiting for the account: in line, quietly, and only as long as somebody wants it."""

from __future__ import annotations

import asyncio
import math
import time

import pytest
from boards import LONG_HEAD, apart, shot
from changing import use

from longtake.errors import BudgetError
from longtake.ledger import Budget, Ledger
from longtake.take import TakeSpec, identify, submit, upload

pytestmark = pytest.mark.timeout(120)


class Counting:
    """A store that counts what is read of it."""

    def __init__(self, inner) -> None:
        self._inner = inner
        self.gets = 0

    def __getattr__(self, name):
        return getattr(self._inner, name)

    def get(self, key, **options):
        self.gets += 1
        return self._inner.get(key, **options)


async def prepared(session, account, count):
    text = LONG_HEAD + apart(*(shot(f"s{number}", f"Picture {number}") for number in range(count)))
    shots = account.resolve(text).shots
    return [await upload(session.assets, await identify(session.assets, TakeSpec(one, 1, None))) for one in shots]


def intents(account):
    return [entry.order.shot for _, entry in account.ledger.log.entries() if entry.kind == "intent"]


def test_the_first_that_came_buys_first_and_tasks_nobody_polls_make_room(account) -> None:
    async def work():
        async with account.using(account_in_flight=1).session() as session:
            async with asyncio.TaskGroup() as group:
                # Nobody polls what is bought here, as if the run that bought it had died.
                bought = [group.create_task(submit(session, one)) for one in await prepared(session, account, 4)]
            return [task.result().task_id for task in bought]

    assert len(set(asyncio.run(work()))) == 4
    assert intents(account) == ["s0", "s1", "s2", "s3"]
    limits = account.books()["limits"]
    assert limits["most_in_flight"] == 1


def test_of_many_waiters_one_looks_and_all_go_at_once_when_cancelled(open_account) -> None:
    account = open_account(processing=3600)
    many, looks = 60, 4

    async def work():
        async with account.using(account_in_flight=1).session() as session:
            wanted = await prepared(session, account, many + 1)
            await submit(session, wanted[0])
            counting = Counting(account.store)
            use(session, ledger=Ledger(counting, session.ledger.account))
            await asyncio.to_thread(session.ledger.read)
            since, before = time.monotonic(), counting.gets
            waiting = [asyncio.create_task(submit(session, one)) for one in wanted[1:]]
            while counting.gets - before < many + looks:
                await asyncio.wait(waiting, timeout=0.1)
            for task in waiting:
                task.cancel()
            done, _ = await asyncio.wait(waiting)
            # One look when each comes, then one a second of the first in line alone.
            most = many + 2 + math.ceil(time.monotonic() - since)
            assert counting.gets - before <= most
            assert all(task.cancelled() for task in done)
            assert session.account.queue.empty
            assert session.ledger.read().head == 2, "an intent and its task id: nothing else was written"

    asyncio.run(work())
    assert account.posts == 1


def test_who_shares_a_task_does_not_stand_in_line(open_account) -> None:
    account = open_account(processing=3600)

    async def work():
        limited = account.using(account_in_flight=1)
        async with limited.session() as one, limited.session() as other:
            first, second = await prepared(one, account, 2)
            bought = await submit(one, first)
            waiting = asyncio.create_task(submit(other, second))
            while other.account.queue.empty:  # noqa: ASYNC110 - the line tells nobody
                await asyncio.sleep(0)
            shared = await submit(other, first)
            assert shared.task_id == bought.task_id
            assert not waiting.done()
            waiting.cancel()
            await asyncio.wait([waiting])

    asyncio.run(work())
    assert account.posts == 1


def test_one_429_is_enough_for_two_runs(account) -> None:
    account.faults({"where": "submit", "what": "429", "times": 1, "retry_after": 1})

    async def work():
        async with account.session() as one, account.session() as other:
            first, second = await prepared(one, account, 2)
            slowed = asyncio.create_task(submit(one, first))
            while (await asyncio.to_thread(other.ledger.read)).pace.slowed == 0:  # noqa: ASYNC110 - nor does the log
                await asyncio.sleep(0)
            await asyncio.gather(slowed, submit(other, second))

    asyncio.run(work())
    assert account.kinds().count("refused") == 1
    assert account.kinds().count("accepted") == 2
    assert account.posts == 3


def test_when_the_budget_ends_those_in_line_are_told(open_account) -> None:
    account = open_account(processing=0)

    async def work():
        async with account.using(account_in_flight=1).session() as session:
            wanted = await prepared(session, account, 4)
            attempt = await submit(session, wanted[0])
            session.spending.budget = Budget(film=2 * attempt.order.reserve)
            return await asyncio.gather(*(submit(session, one) for one in wanted[1:]), return_exceptions=True)

    came = asyncio.run(work())
    assert [type(one) is BudgetError for one in came] == [False, True, True]
    assert intents(account) == ["s0", "s1"]
