"""Task runs start no faster than a server takes them in, and nobody waits for that with a POST open."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from longtake.observer import Step
from longtake.prefect import observer, throttle
from longtake.prefect.throttle import BURST, PER_SECOND
from longtake.provider.token_bucket import TokenBucket


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_a_small_film_never_waits(clock):
    bucket = TokenBucket(BURST, PER_SECOND, clock)
    assert [bucket.take() for _ in range(BURST)] == [0.0] * BURST


def test_what_comes_after_the_burst_gets_turns_at_the_rate_in_the_order_of_asking(clock):
    bucket = TokenBucket(3, 20, clock)
    waits = [bucket.take() for _ in range(6)]
    assert waits == pytest.approx([0, 0, 0, 0.05, 0.1, 0.15])


def test_turns_come_back_with_time_and_never_more_than_there_were(clock):
    bucket = TokenBucket(3, 20, clock)
    for _ in range(5):
        bucket.take()
    clock.now += 0.1  # both turns that were given ahead of time
    assert bucket.take() == pytest.approx(0.05)
    clock.now += 3600
    assert [bucket.take() for _ in range(4)] == pytest.approx([0, 0, 0, 0.05])


def test_many_at_once_start_no_faster_than_the_rate(clock):
    bucket, starts = TokenBucket(10, 20, clock), []
    # Each waits as long as it is told to; what is counted is when they would start.
    for _ in range(200):
        starts.append(clock.now + bucket.take())
        clock.now += 0.001
    for early, late in itertools.pairwise(starts[10:]):
        assert late - early == pytest.approx(0.05)


def test_a_step_that_waits_for_its_turn_has_not_begun(clock, monkeypatch):
    # The turn is waited for outside the task, and so outside the claim and the POST that are inside it.
    begun = []

    async def call():
        begun.append(1)

    async def task(_step, call):
        return await call()

    async def work():
        start = observer.PrefectObserver.around
        await start(None, Step("submit", "s/one"), call)
        waiting = asyncio.create_task(start(None, Step("submit", "s/two"), call))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait({waiting})
        return waiting.cancelled()

    monkeypatch.setattr(throttle, "TURNS", TokenBucket(1, 1e-6, clock))
    monkeypatch.setattr(observer, "as_task_run", task)
    assert asyncio.run(work())
    assert begun == [1]
