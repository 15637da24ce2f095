"""A task that is run twice, retried by Prefect, or given what is bought or kept already, buys nothing twice."""

from __future__ import annotations

import asyncio

import cloudpickle
import pytest
from prefect import flow

from longtake import tasks
from longtake.errors import BudgetError, InDoubtError
from longtake.prefect.step_task import StepTask


def traveled(value):
    """The value as another process gets it."""
    return cloudpickle.loads(cloudpickle.dumps(value))


@pytest.mark.slow
def test_submitting_what_is_in_flight_or_kept_gives_what_poll_and_ingest_take(account, blocks):
    async def main():
        request = traveled(await tasks.upload(account.shot(), **blocks))
        first = traveled(await tasks.submit(request, **blocks))
        second = traveled(await tasks.submit(request, **blocks))
        assert (first.take, second.take) == (None, None)
        assert first.task_id == second.task_id
        generations = [traveled(await tasks.poll(purchase, **blocks)) for purchase in (first, second)]
        takes = [await tasks.ingest(generation, **blocks) for generation in generations]
        # Kept: the old request, a new one, and what the old purchase gives.
        kept = await tasks.upload(account.shot(), **blocks)
        for asked in (request, kept):
            purchase = await tasks.submit(asked, **blocks)
            assert (purchase.task_id, purchase.take) == (first.task_id, takes[0])
            takes.append(await tasks.ingest(await tasks.poll(purchase, **blocks), **blocks))
        takes.append(await tasks.ingest(await tasks.poll(first, **blocks), **blocks))
        return takes

    takes = asyncio.run(main())
    assert takes == [takes[0]] * len(takes)
    assert account.bought() == {"waves": 1}
    assert account.ledger.read().attempts == {}


@pytest.mark.slow
def test_the_same_step_twice_at_once_buys_once(account, blocks):
    @flow
    def mine():
        requests = [tasks.upload.submit(account.shot(), **blocks) for _ in range(3)]
        purchases = [tasks.submit.submit(request, **blocks) for request in requests]
        generations = [tasks.poll.submit(purchase, **blocks) for purchase in purchases]
        return [tasks.ingest.submit(generation, **blocks).result() for generation in generations]

    assert len({take.task_id for take in mine()}) == 1
    assert account.bought() == {"waves": 1}


@pytest.mark.slow
@pytest.mark.parametrize("lost", ["drop-after", "drop-before"])
@pytest.mark.parametrize("name", ["submit", pytest.param("generate", marks=pytest.mark.slow)])
def test_a_purchase_that_prefect_retries_is_sent_once(account, blocks, name, lost):
    """Whoever gives the paid task retries gets the same error again: the ledger decides, and not Prefect."""
    account.fault({"what": lost})
    before = account.received()

    @flow
    def mine():
        given = account.shot() if name == "generate" else tasks.upload(account.shot(), **blocks)
        retried = getattr(tasks, name).with_options(retries=2, retry_delay_seconds=0)
        assert isinstance(retried, StepTask)
        return retried(given, **blocks)

    with pytest.raises(InDoubtError):
        mine()
    assert account.received() - before == 1
    (attempt,) = account.ledger.read().attempts.values()
    assert attempt.phase == "in_doubt"


def test_a_flow_that_prefect_retries_uses_what_it_bought(account, blocks):
    tries = []

    @flow(retries=1)
    def mine():
        take = tasks.generate(account.shot(), **blocks)
        tries.append(take)
        if len(tries) == 1:
            raise RuntimeError("something else failed")
        return take

    take = mine()
    assert tries == [take, take]
    assert account.bought() == {"waves": 1}


@pytest.mark.slow
def test_purchases_of_a_flow_run_count_against_one_budget(account, blocks):
    """Through whichever task they are bought, and whichever thread."""

    @flow
    def mine():
        tasks.generate(account.shot("one"), **blocks, budget=160)
        request = tasks.upload(account.shot("two"), **blocks)
        tasks.submit.submit(request, **blocks, budget=160).result()
        with pytest.raises(BudgetError):
            tasks.generate.submit(account.shot("three"), **blocks, budget=160).result()
        return tasks.generate(account.shot("two"), **blocks, budget=160)

    mine()
    assert account.bought() == {"one": 1, "two": 1}


def test_values_of_tasks_show_neither_url_nor_key(account, blocks):
    async def main():
        first = await tasks.generate(account.shot("first"), **blocks)
        request = await tasks.upload(account.shot("second"), continue_from=first, **blocks)
        purchase = await tasks.submit(request, **blocks)
        generation = await tasks.poll(purchase, **blocks)
        take = await tasks.ingest(generation, **blocks)
        film = await tasks.concatenate([first, take], title="Two", store=blocks["store"])
        return [request, purchase, generation, take, film, account.board("first"), account.shot()]

    for value in asyncio.run(main()):
        for shown in (repr(value), str(value), repr(traveled(value))):
            assert "http" not in shown
            assert account.key not in shown
    # A block shows where the API is; it is the key that it hides.
    for block in blocks.values():
        assert account.key not in repr(block)
        assert traveled(block) == block
