"""How often to ask: polls that slow down, repeats of failed GETs that back off."""

from __future__ import annotations

import random
from dataclasses import dataclass

_random = random.SystemRandom()


@dataclass(frozen=True, slots=True)
class Cadence:
    """The rhythm of GETs, all in seconds. The provider suggests a poll every 1-3 s (contract §3).

    Attributes:
        shortest: delay after the first poll.
        longest: delay that polls grow to.
        growth: factor from one delay to the next.
        jitter: share by which a delay is moved at random, so that many tasks do not ask in step.
        longest_fault: delay that repeats after failures grow to, and the cap on an obeyed `Retry-After`.
    """

    shortest: float = 1.5
    longest: float = 10.0
    growth: float = 1.25
    jitter: float = 0.25
    longest_fault: float = 60.0

    def start(self) -> Pace:
        """Begin one task's rhythm."""
        return Pace(self)


class Pace:
    """One task's place in the rhythm."""

    def __init__(self, cadence: Cadence) -> None:
        self._cadence = cadence
        self._delay = cadence.shortest
        self._fault = cadence.shortest

    def after_answer(self) -> float:
        """Return the delay to the next poll after one that answered."""
        delay = self._delay
        self._delay = min(self._cadence.longest, delay * self._cadence.growth)
        self._fault = self._cadence.shortest
        return self._jittered(delay)

    def after_fault(self, retry_after: float | None = None) -> float:
        """Return the delay after a failed GET: doubling, and never less than the provider asks for, up to the cap."""
        delay = self._fault
        self._fault = min(self._cadence.longest_fault, delay * 2)
        return max(self._jittered(delay), min(retry_after or 0.0, self._cadence.longest_fault))

    def _jittered(self, delay: float) -> float:
        return delay * _random.uniform(1 - self._cadence.jitter, 1 + self._cadence.jitter)
