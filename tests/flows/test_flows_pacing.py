"""Task runs start no faster than a server takes them in, and nobody waits for that with a POST open."""

from __future__ import annotations

import asyncio
import itertools

import pytest
from prefect.utilities.annotations import quote

from longtake import take, tasks
from longtake.provider.bucket import Bucket
from longtake.tasks.pacing import BURST, PER_SECOND, paced


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_a_small_film_never_waits(clock):
    bucket = Bucket(BURST, PER_SECOND, clock)
    assert [bucket.take() for _ in range(BURST)] == [0.0] * BURST


def test_what_comes_after_the_burst_gets_turns_at_the_rate_in_the_order_of_asking(clock):
    bucket = Bucket(3, 20, clock)
    waits = [bucket.take() for _ in range(6)]
    assert waits == pytest.approx([0, 0, 0, 0.05, 0.1, 0.15])


def test_turns_come_back_with_time_and_never_more_than_there_were(clock):
    bucket = Bucket(3, 20, clock)
    for _ in range(5):
        bucket.take()
    clock.now += 0.1  # both turns that were given ahead of time
    assert bucket.take() == pytest.approx(0.05)
    clock.now += 3600
    assert [bucket.take() for _ in range(4)] == pytest.approx([0, 0, 0, 0.05])


def test_many_at_once_start_no_faster_than_the_rate(clock):
    bucket, starts = Bucket(10, 20, clock), []
    # Each waits as long as it is told to; what is counted is when they would start.
    for _ in range(200):
        starts.append(clock.now + bucket.take())
        clock.now += 0.001
    for early, late in itertools.pairwise(starts[10:]):
        assert late - early == pytest.approx(0.05)


def test_a_paced_step_is_the_step_and_prefect_is_told_not_to_look_into_what_it_is_given(clock):
    async def double(number, *, plus=0):
        assert isinstance(number, quote)
        return 2 * number.unquote() + plus

    assert asyncio.run(paced(double, Bucket(1, 20, clock))(4, plus=1)) == 9


def test_a_step_that_waits_has_not_begun(clock):
    begun = []

    async def step():
        begun.append(1)

    async def work():
        start = paced(step, Bucket(1, 1e-6, clock))
        await start()
        waiting = asyncio.create_task(start())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait({waiting})
        return waiting.cancelled()

    assert asyncio.run(work())
    assert begun == [1]


@pytest.mark.parametrize("name", ["upload", "submit", "poll", "keep"])
def test_every_step_of_a_take_is_paced_as_a_whole(name):
    # The turn is waited for outside the task, and so outside the claim and the POST that are inside it.
    assert getattr(tasks.STEPS, name).__wrapped__ is getattr(tasks, name)
    assert getattr(take.PLAIN, name) is getattr(take, name)
