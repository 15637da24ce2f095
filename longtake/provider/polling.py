"""How often to ask: polls that slow down, or come when the end is expected; repeats of failed GETs that back off."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import deque
from dataclasses import dataclass

_random = random.SystemRandom()

_REMEMBERED = 16
"""Tasks of a kind whose length is remembered: old ones tell little of how busy the provider is now."""
_LOOKS = 40
"""Polls that the time in which ends are expected is divided into."""
_FINEST = 0.005
"""Share of a task's usual length that two polls are apart at least."""
_SHORTEST = 0.1
"""Seconds that two polls of a task are apart at least, however quick tasks are."""
_BLIND = 0.1
"""Share of its time so far that a task may go unseen after its end, when nothing is known of its kind or it is overdue."""
_PATIENT = 120
"""Polls in the time so far that a task of an unknown kind is worth: 2 s apart after four minutes, 5 s after ten."""
_SPREAD = 8
"""Part of the spread of lengths by which a task may end before the quickest seen."""
_SOONER = 0.92
"""What a task may have taken, of the time after which the first look found it done: the guess creeps towards the truth."""


@dataclass(frozen=True, slots=True)
class PollCadence:
    """The rhythm of GETs, all in seconds. The provider suggests a poll every 1-3 s (provider-contract.md §3).

    Attributes:
        soonest: delay before the first poll of a task of which nothing is known.
        shortest: delay that polls grow to in the first seconds, and of the first repeat after a failure.
        longest: delay that polls of a task that goes on for long grow to.
        jitter: share by which a delay is moved at random, so that many tasks do not ask in step.
        longest_fault: delay that repeats after failures grow to, and the cap on an obeyed `Retry-After`.
        unknown: how long a wait polls on while the provider has not known the task yet (404).
    """

    soonest: float = _SHORTEST
    shortest: float = 1.5
    longest: float = 10.0
    jitter: float = 0.25
    longest_fault: float = 60.0
    unknown: float = 300.0

    def start(self, usual: UsualDuration | None = None, *, going: float = 0.0) -> PollPace:
        """Begin one task's rhythm; `going` is for how long it has been under way."""
        return PollPace(self, usual if usual is not None and usual.known else None, going)


class UsualDuration:
    """The durations of the last tasks of one kind in seconds, as seen by polls."""

    def __init__(self) -> None:
        self._seen: deque[float] = deque(maxlen=_REMEMBERED)
        self._first = asyncio.Event()

    @property
    def known(self) -> bool:
        """Whether any has ended."""
        return bool(self._seen)

    @property
    def earliest(self) -> float:
        """Before which hardly any is done: the quickest, and a little less where they vary."""
        return max(0.0, min(self._seen) - (max(self._seen) - min(self._seen)) / _SPREAD)

    @property
    def latest(self) -> float:
        """After which the slowest was done."""
        return max(self._seen)

    def ended(self, *, after: float, before: float) -> None:
        """A task was seen in progress after `after` seconds, and done at the next look."""
        self._seen.append(max((after + before) / 2, before * _SOONER))
        self._first.set()

    async def pause(self, seconds: float) -> bool:
        """Sleep; true, and sooner, if the first of the kind ended meanwhile: then it is known when to ask for the others."""
        if self.known:
            await asyncio.sleep(seconds)
            return False
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._first.wait()
        return self.known


class PollPace:
    """One task's place in the rhythm.

    Where it is known how long tasks of its kind take, few polls come before that time and several in it, so that the end is seen
    soon after it came: fewer polls than without, and a chain that goes on sooner. Where it is not known, delays grow with the time
    so far: the first end of a kind is seen late by a tenth of it or by `PollCadence.shortest`, whichever is less. A task that takes
    longer than usual is asked less and less.
    """

    def __init__(self, cadence: PollCadence, usual: UsualDuration | None, going: float) -> None:
        self._cadence = cadence
        self._usual = usual
        self._going = going
        self._fault = cadence.shortest
        self._delay = cadence.soonest
        if usual is not None:
            spread = min((usual.latest - usual.earliest) / _LOOKS, cadence.shortest)
            self._delay = min(max(_SHORTEST, usual.earliest * _FINEST, spread), cadence.longest)

    def after_answer(self, elapsed: float = 0.0) -> float:
        """Return the delay before the next poll, after one that answered `elapsed` seconds from the start."""
        self._fault = self._cadence.shortest
        gone = self._going + elapsed
        if self._usual is None:
            most = max(self._cadence.shortest, gone / _PATIENT)
            return self._jittered(min(self._grown(gone), most))
        early = self._usual.earliest - gone
        if early > 0:
            # Some do end sooner, above all those that fail.
            sooner = max(gone, self._cadence.shortest)
            # No later than expected, for then a chain would wait; a little later, so that many do not ask in step.
            return sooner if sooner < early / 2 else early + _random.uniform(0, self._delay)
        if gone < self._usual.latest:
            return self._jittered(self._delay)
        return self._jittered(self._grown(gone - self._usual.latest))

    def after_fault(self, retry_after: float | None = None) -> float:
        """Return the delay after a failed GET: doubling, and never less than the provider asks for, up to the cap."""
        delay = self._fault
        self._fault = min(self._cadence.longest_fault, delay * 2)
        return max(self._jittered(delay), min(retry_after or 0.0, self._cadence.longest_fault))

    def _grown(self, time: float) -> float:
        return min(max(self._delay, time * _BLIND), self._cadence.longest)

    def _jittered(self, delay: float) -> float:
        return delay * _random.uniform(1 - self._cadence.jitter, 1 + self._cadence.jitter)
