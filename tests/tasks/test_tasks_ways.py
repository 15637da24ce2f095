"""Each task works awaited, from a sync flow, submitted and mapped, on Prefect's task runners, and buys each clip once."""

from __future__ import annotations

import asyncio

import pytest
from accounts import PRICE
from prefect import flow, task, unmapped
from prefect.task_runners import ThreadPoolTaskRunner

from longtake import tasks
from longtake.studio import Film


def check(account, *names):
    """Each of these shots was bought once, and the ledger says the same as the provider's books."""
    assert account.bought() == dict.fromkeys(names, 1)
    state = account.ledger.read()
    assert state.attempts == {}
    assert state.debits - state.refunds == PRICE * len(names)
    assert state.opening is not None, "the account was opened before the first purchase"


def in_steps(shot, **blocks):
    """The four steps and the concatenation, called without `await`."""
    request = tasks.upload(shot, **blocks)
    purchase = tasks.submit(request, **blocks)
    generation = tasks.poll(purchase, **blocks)
    take = tasks.ingest(generation, **blocks)
    again = tasks.generate(shot, **blocks)
    assert again == take
    return tasks.concatenate([take], title="In Steps", store=blocks["store"])


async def in_awaited_steps(shot, **blocks):
    request = await tasks.upload(shot, **blocks)
    purchase = await tasks.submit(request, **blocks)
    generation = await tasks.poll(purchase, **blocks)
    take = await tasks.ingest(generation, **blocks)
    again = await tasks.generate(shot, **blocks)
    assert again == take
    return await tasks.concatenate([take], title="In Steps", store=blocks["store"])


def submitted(shot, **blocks):
    """The steps as futures, each waiting for the one before it."""
    request = tasks.upload.submit(shot, **blocks)
    purchase = tasks.submit.submit(request, **blocks)
    generation = tasks.poll.submit(purchase, **blocks)
    take = tasks.ingest.submit(generation, **blocks)
    other = tasks.generate.submit(shot, **blocks, wait_for=[take])
    film = tasks.concatenate.submit([take], title="In Steps", store=blocks["store"])
    assert other.result() == take.result()
    return film.result()


def test_awaited_in_an_async_flow(account, blocks):
    @flow
    async def mine():
        return await in_awaited_steps(account.shot(), **blocks)

    film = asyncio.run(mine())
    assert film.path.is_file()
    check(account, "waves")


@pytest.mark.slow
def test_called_in_a_sync_flow(account, blocks):
    @flow
    def mine():
        return in_steps(account.shot(), **blocks)

    film = mine()
    assert isinstance(film, Film)
    assert film.path.is_file()
    check(account, "waves")


@pytest.mark.slow
def test_called_in_a_sync_flow_where_a_loop_is_running(account, blocks):
    @flow
    def mine():
        return in_steps(account.shot(), **blocks)

    async def notebook():
        return mine()

    assert asyncio.run(notebook()).path.is_file()
    check(account, "waves")


@pytest.mark.slow
def test_submitted_in_a_sync_flow(account, blocks):
    @flow
    def mine():
        return submitted(account.shot(), **blocks)

    assert mine().path.is_file()
    check(account, "waves")


@pytest.mark.slow
def test_submitted_in_an_async_flow(account, blocks):
    @flow
    async def mine():
        return await asyncio.to_thread(lambda: None) or submitted(account.shot(), **blocks)

    assert asyncio.run(mine()).path.is_file()
    check(account, "waves")


@pytest.mark.slow
def test_submitted_where_a_loop_is_running(account, blocks):
    @flow
    def mine():
        return submitted(account.shot(), **blocks)

    async def notebook():
        return mine()

    assert asyncio.run(notebook()).path.is_file()
    check(account, "waves")


def test_the_steps_work_outside_of_any_flow(account, blocks):
    film = asyncio.run(in_awaited_steps(account.shot(), **blocks))
    assert film.path.is_file()
    check(account, "waves")


def test_called_outside_of_any_flow(account, blocks):
    assert in_steps(account.shot(), **blocks).path.is_file()
    check(account, "waves")


@pytest.mark.slow
def test_with_the_environment_in_place_of_blocks(account):
    @flow
    def mine():
        return tasks.generate(account.shot())

    assert mine().task_id == account.tasks()[0]["id"]
    check(account, "waves")


@pytest.mark.slow
def test_in_a_sync_task_of_an_async_flow(account, blocks):
    @task
    def theirs():
        return tasks.generate(account.shot(), **blocks)

    @flow
    async def mine():
        return theirs()

    assert asyncio.run(mine()).shot == "clips/waves"
    check(account, "waves")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sync", pytest.param("async", marks=pytest.mark.slow)])
def test_fifty_mapped_shots_are_bought_once_each(account, blocks, kind):
    names = [f"shot-{number}" for number in range(50)]
    shots = [account.shot(name) for name in names]
    given = {name: unmapped(block) for name, block in blocks.items()}

    @flow
    def mine():
        return tasks.generate.map(shots, **given).result()

    @flow
    async def mine_async():
        return tasks.generate.map(shots, **given).result()

    before = account.received()
    takes = mine() if kind == "sync" else asyncio.run(mine_async())
    assert [take.shot for take in takes] == [f"clips/{name}" for name in names]
    assert account.received() - before == 50
    check(account, *names)


@pytest.mark.slow
def test_fifty_mapped_in_steps(account, blocks):
    names = [f"shot-{number}" for number in range(50)]
    given = {name: unmapped(block) for name, block in blocks.items()}

    @flow
    def mine():
        requests = tasks.upload.map([account.shot(name) for name in names], **given)
        purchases = tasks.submit.map(requests, **given)
        takes = tasks.ingest.map(tasks.poll.map(purchases, **given), **given)
        return tasks.concatenate(takes, title="Fifty", store=blocks["store"])

    film = mine()
    assert len(film.shots) == 50
    assert film.path.is_file()
    check(account, *names)


@pytest.mark.slow
def test_threads_of_a_task_runner(account, blocks):
    names = [f"shot-{number}" for number in range(6)]

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=3))
    def mine():
        given = {name: unmapped(block) for name, block in blocks.items()}
        return tasks.generate.map([account.shot(name) for name in names], **given).result()

    assert len(mine()) == 6
    check(account, *names)
