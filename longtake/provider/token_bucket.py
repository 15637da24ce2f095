"""Turns at a rate: what many in one process do, but not all at once."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class TokenBucket:
    """Holds `most` turns and gets `rate` a second back. Turns are given in the order in which they are asked for."""

    def __init__(self, most: float, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._rate = rate
        self._clock = clock
        self._left = most
        self._at = clock()

    def take(self) -> float:
        """Take a turn; gives the seconds until it comes."""
        now = self._clock()
        self._left = min(self._most, self._left + (now - self._at) * self._rate) - 1
        self._at = now
        return max(0.0, -self._left / self._rate)

    async def turn(self) -> None:
        """Wait for a turn."""
        seconds = self.take()
        if seconds:
            await asyncio.sleep(seconds)
