"""Waiting for the account: in line, quietly, and only as long as somebody wants it."""

from __future__ import annotations

import asyncio
import math
import time

import pytest
from changing import use

from longtake.errors import BudgetError
from longtake.ledger import Budget, Ledger
from longtake.take import TakeSpec, identify, ledger_of, open_session, submit, upload

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


def board(count: int) -> str:
    shots = [f'      - {{id: s{number}, prompt: "Picture {number}", continue_from: null}}' for number in range(count)]
    head = "schema: longtake/1\ntitle: Two Takes\nmodel: seedance-2.5\n"
    defaults = 'defaults: {resolution: 480p, size: "16:9", duration: 4}\n'
    return head + defaults + "scenes:\n  - id: s\n    shots:\n" + "\n".join(shots) + "\n"


async def prepared(session, studio, count):
    shots = studio.resolved(board(count)).shots
    return [await upload(session.assets, await identify(session.assets, TakeSpec(shot, 1, None))) for shot in shots]


def intents(studio):
    entries = ledger_of(studio.settings, studio.store).log.entries()
    return [entry.order.shot for _, entry in entries if entry.kind == "intent"]


def test_the_first_that_came_buys_first_and_tasks_nobody_polls_make_room(studio) -> None:
    async def work():
        async with studio.session(account_in_flight=1) as session:
            async with asyncio.TaskGroup() as group:
                # Nobody polls what is bought here, as if the run that bought it had died.
                bought = [group.create_task(submit(session, one)) for one in await prepared(session, studio, 4)]
            return [task.result().task_id for task in bought]

    assert len(set(asyncio.run(work()))) == 4
    assert intents(studio) == ["s0", "s1", "s2", "s3"]
    limits = studio.books()["limits"]
    assert limits["most_in_flight"] == 1


def test_of_many_waiters_one_looks_and_all_go_at_once_when_cancelled(make_studio) -> None:
    studio = make_studio(processing=3600)
    many, looks = 60, 4

    async def work():
        async with studio.session(account_in_flight=1) as session:
            wanted = await prepared(session, studio, many + 1)
            await submit(session, wanted[0])
            counting = Counting(studio.store)
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
    assert studio.posts() == 1


def test_who_shares_a_task_does_not_stand_in_line(make_studio) -> None:
    studio = make_studio(processing=3600)

    async def work():
        async with studio.session(account_in_flight=1) as one, studio.session(account_in_flight=1) as other:
            first, second = await prepared(one, studio, 2)
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
    assert studio.posts() == 1


def test_one_429_is_enough_for_two_runs(studio) -> None:
    studio.faults({"where": "submit", "what": "429", "times": 1, "retry_after": 1})

    async def work():
        async with studio.session() as one, studio.session() as other:
            first, second = await prepared(one, studio, 2)
            slowed = asyncio.create_task(submit(one, first))
            while (await asyncio.to_thread(other.ledger.read)).pace.slowed == 0:  # noqa: ASYNC110 - nor does the log
                await asyncio.sleep(0)
            await asyncio.gather(slowed, submit(other, second))

    asyncio.run(work())
    kinds = [entry.kind for _, entry in ledger_of(studio.settings, studio.store).log.entries()]
    assert kinds.count("refused") == 1
    assert kinds.count("accepted") == 2
    assert studio.posts() == 3


def test_when_the_budget_ends_those_in_line_are_told(make_studio) -> None:
    studio = make_studio(processing=0)

    async def work():
        async with open_session(
            studio.settings.model_copy(update={"account_in_flight": 1}),
            catalog=studio.catalog,
            film="two-takes",
            budget=None,
        ) as session:
            wanted = await prepared(session, studio, 4)
            attempt = await submit(session, wanted[0])
            session.spending.budget = Budget(film=2 * attempt.order.reserve)
            return await asyncio.gather(*(submit(session, one) for one in wanted[1:]), return_exceptions=True)

    came = asyncio.run(work())
    assert [type(one) is BudgetError for one in came] == [False, True, True]
    assert intents(studio) == ["s0", "s1"]
