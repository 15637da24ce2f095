"""What all sessions of a run in one process share, whatever loop and thread they are on: its limits, and its preflight."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import OrderedDict, deque
from typing import TYPE_CHECKING, Literal

from longtake.take.session import KEPT_AT_ONCE
from longtake.take.shared_takes import SharedTakes

if TYPE_CHECKING:
    from longtake.settings import Settings

_MOST = 32
"""Runs a process remembers."""


class Turns(asyncio.Semaphore):
    """A semaphore for coroutines of several loops on several threads: `asyncio.Semaphore` itself belongs to one loop."""

    def __init__(self, value: int) -> None:
        super().__init__(value)
        self._free = value
        self._guard = threading.Lock()
        self._queue: deque[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = deque()

    def locked(self) -> bool:
        """Whether a caller would have to wait."""
        return self._free == 0

    async def acquire(self) -> Literal[True]:
        """Wait for a turn; turns are given in the order of arrival."""
        loop = asyncio.get_running_loop()
        with self._guard:
            if self._free:
                self._free -= 1
                return True
            turn = loop.create_future()
            self._queue.append((loop, turn))
        try:
            await turn
        except BaseException:
            with self._guard:
                waiting = (loop, turn) in self._queue
                if waiting:
                    self._queue.remove((loop, turn))
            if not waiting:
                # The turn was given while this caller was being cancelled.
                self.release()
            raise
        return True

    def release(self) -> None:
        """Give the turn to the caller that waits longest."""
        while True:
            with self._guard:
                if not self._queue:
                    self._free += 1
                    return
                loop, turn = self._queue.popleft()
            # A loop that was closed waits no more.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(_give, turn)
                return


def _give(turn: asyncio.Future[None]) -> None:
    if not turn.done():
        turn.set_result(None)


class SharedRun:
    """One run in one process.

    Attributes:
        slots: the takes that the run has in flight.
        takes: those that it is obtaining, which its films may share.
        gate: held while the run gets ready.
        ready: whether its preflight passed and its account is open.
    """

    def __init__(self, max_in_flight: int) -> None:
        self.slots = Turns(max_in_flight)
        self.takes = SharedTakes()
        self.gate = Turns(1)
        self.ready = False


_keeping = Turns(KEPT_AT_ONCE)
_runs: OrderedDict[tuple[Settings, str], SharedRun] = OrderedDict()
_guard = threading.Lock()


def keeping() -> Turns:
    """Give the turns of takes that are fetched and checked in this process: each needs a core and memory for a while."""
    return _keeping


def shared_run(settings: Settings, run: str) -> SharedRun:
    """Give what the sessions of a run share."""
    with _guard:
        found = _runs.pop((settings, run), None) or SharedRun(settings.max_in_flight)
        _runs[settings, run] = found
        while len(_runs) > _MOST:
            _runs.popitem(last=False)
        return found


def forget() -> None:
    """Begin again in a forked process: its parent's turns are not given back there."""
    global _keeping, _guard
    _keeping, _guard = Turns(KEPT_AT_ONCE), threading.Lock()
    _runs.clear()
