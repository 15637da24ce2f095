"""Pending purchases of one run, first come, first served. Only the first asks the ledger; the others cost no requests."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass(frozen=True, slots=True)
class QueuePlace:
    """A place in the queue: `turn` is set when it is the first; `leave` makes the next one the first."""

    turn: asyncio.Event
    leave: Callable[[], None]


class PurchaseQueue:
    """The queue of one run, for its event loop."""

    def __init__(self) -> None:
        self._waiting: deque[asyncio.Event] = deque()

    @property
    def empty(self) -> bool:
        """Whether nothing waits in it."""
        return not self._waiting

    @contextlib.contextmanager
    def place(self) -> Iterator[QueuePlace]:
        """Take a place now: places keep the order of arrival, whatever is awaited afterwards."""
        turn = asyncio.Event()
        self._waiting.append(turn)
        self._waiting[0].set()

        def leave() -> None:
            if turn in self._waiting:
                self._waiting.remove(turn)
                if self._waiting:
                    self._waiting[0].set()

        try:
            yield QueuePlace(turn, leave)
        finally:
            leave()
