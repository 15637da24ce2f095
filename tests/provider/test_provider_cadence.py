"""When tasks are asked for: without knowing anything, and when it is known how long those of their kind take."""

from __future__ import annotations

import itertools
import random

import pytest

from longtake.provider.polling import PollCadence, UsualDuration
from longtake.provider.token_bucket import TokenBucket

CADENCE = PollCadence()


def waited(length, usual, *, cadence=CADENCE, going=0.0):
    """The polls of a task of this length, in seconds since it began, the last of which sees its end."""
    pace, polls, now = cadence.start(usual, going=going), [], 0.0
    while True:
        now += pace.after_answer(now)
        polls.append(going + now)
        if going + now >= length:
            return polls


def lived(usual, length):
    """The same, and what was seen is remembered."""
    polls = waited(length, usual)
    usual.ended(after=polls[-2] if len(polls) > 1 else 0.0, before=polls[-1])
    return polls


def settled(lengths):
    """What is known after many tasks of these lengths, in turns."""
    usual = UsualDuration()
    for length in lengths:
        lived(usual, length)
    return usual


@pytest.mark.parametrize("length", [1.0, 3.0, 45.0, 180.0, 600.0])
def test_the_end_of_tasks_that_take_the_same_time_is_seen_at_once(length):
    usual = settled([length] * 40)
    late = [lived(usual, length)[-1] - length for _ in range(40)]
    assert max(late) < max(0.13, 0.1 * length)
    assert sum(late) / len(late) < max(0.065, 0.005 * length)


@pytest.mark.parametrize("length", [180.0, 600.0])
def test_that_takes_fewer_polls_than_asking_blindly(length):
    usual, blind = settled([length] * 40), UsualDuration()
    knowing = sum(len(lived(usual, length)) for _ in range(40))
    assert knowing < sum(len(waited(length, blind)) for _ in range(40))


def test_lengths_that_vary_are_seen_no_later_and_with_fewer_polls_than_by_asking_blindly():
    dice = random.Random(7)
    lengths = [dice.uniform(120, 360) for _ in range(1000)]
    usual, knowing, blind = UsualDuration(), [], []
    for length in lengths:
        blind.append(waited(length, UsualDuration()))
        knowing.append(lived(usual, length))

    def late(all_polls):
        return sum(polls[-1] - length for polls, length in zip(all_polls, lengths, strict=True))

    # Polls are spread at random, which moves a sum of a thousand by about a percent.
    assert late(knowing) < 1.05 * late(blind)
    assert sum(map(len, knowing)) < sum(map(len, blind))


def test_what_takes_much_longer_than_usual_is_asked_less_and_less():
    usual = settled([3.0] * 20)
    polls = waited(600.0, usual)
    assert len(polls) < 120
    assert 7.5 <= polls[-1] - polls[-2] <= 12.5


def test_what_ends_much_sooner_than_usual_is_seen_before_the_usual_time():
    usual = settled([240.0] * 20)
    # A refusal by the content policy comes early, and another attempt should not wait for minutes.
    assert waited(10.0, usual)[-1] < 30


def test_a_provider_that_became_quicker_is_noticed():
    usual = settled([200.0] * 40 + [100.0] * 20)
    late = [lived(usual, 100.0)[-1] - 100.0 for _ in range(20)]
    assert sum(late) / len(late) < 10


def test_one_that_is_overdue_already_is_asked_soon():
    usual = settled([30.0] * 20)
    assert waited(20.0, usual, going=100.0)[0] - 100.0 < 10


def test_nothing_is_known_of_a_kind_until_one_has_ended():
    fresh = waited(600.0, UsualDuration(), cadence=PollCadence(jitter=0))
    assert fresh == waited(600.0, None, cadence=PollCadence(jitter=0))
    assert fresh[0] == 0.1


@pytest.mark.parametrize(("length", "late"), [(0.5, 0.13), (3.0, 0.38), (60.0, 1.9), (240.0, 2.5), (600.0, 6.3)])
def test_the_first_end_of_a_kind_is_seen_soon_too(length, late):
    for _ in range(20):
        polls = waited(length, None)
        assert polls[-1] - length <= late
        assert min(after - before for before, after in itertools.pairwise([0.0, *polls])) > 0.07
    assert len(polls) < 300


def test_polls_of_many_tasks_together_have_a_rate():
    now = [0.0]
    bucket = TokenBucket(100, 100, lambda: now[0])
    turns = [bucket.take() for _ in range(1100)]
    assert turns[:100] == [0.0] * 100
    assert turns[-1] == pytest.approx(10.0)
