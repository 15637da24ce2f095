"""The line of those in one run that want to buy: first come, first served, and only the first of them asks the ledger."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from longtake.errors import RefusedError, TransientError
from longtake.ledger import Limits, ask
from longtake.ledger.book import now
from longtake.ledger.pacing import LONGEST_TASK, LOOK_AGAIN
from longtake.provider import failure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from longtake.ledger import Attempt
    from longtake.take.session import Session

__all__ = ["NOTHING", "Line", "pause", "under_way"]

NOTHING = Limits(in_flight=0)
"""The limits of one who is not the first in line: what is bought or kept may be used, nothing more is bought."""

_QUICKEST = 0.01
"""Seconds from which the looks of the first in line grow apart."""
_LONGEST_SLEEP = 5.0
"""Seconds between two looks of the first in line: what it waits for may be over sooner than it was told."""


@dataclass(frozen=True, slots=True)
class Place:
    """One's place in the line: `turn` is set when all who came before are gone; `leave` lets the next one come."""

    turn: asyncio.Event
    leave: Callable[[], None]


class Line:
    """Belongs to one run and its event loop."""

    def __init__(self) -> None:
        self._waiting: deque[asyncio.Event] = deque()

    @property
    def empty(self) -> bool:
        """Whether nobody stands in it."""
        return not self._waiting

    @contextlib.contextmanager
    def place(self) -> Iterator[Place]:
        """Stand in line, at once: places are given in the order of arrival, whatever is awaited afterwards."""
        turn = asyncio.Event()
        self._waiting.append(turn)
        self._waiting[0].set()

        def leave() -> None:
            if turn in self._waiting:
                self._waiting.remove(turn)
                if self._waiting:
                    self._waiting[0].set()

        try:
            yield Place(turn, leave)
        finally:
            leave()


async def under_way(session: Session) -> list[Attempt]:
    """The account's tasks that may be under way, as far as this run knows."""
    # In a thread, since the log may be busy with the store.
    state = await asyncio.to_thread(session.book.log.known)
    return [a for a in state.attempts.values() if a.phase == "accepted" and now() - a.since < LONGEST_TASK]


async def pause(session: Session, after: float, looks: int) -> None:
    """Let the first in line wait: `after` seconds, as a claim said that was its look number `looks` in vain.

    One that has to wait for others also asks for a task under way each time. Where the run that bought it died, nobody else would
    see that it ended and made room.
    """
    # Others were quicker: it looks less and less often, since each look costs the store a request.
    seconds = after if looks == 1 else max(after, min(LOOK_AGAIN, _QUICKEST * 2**looks))
    await asyncio.sleep(min(seconds, _LONGEST_SLEEP) * random.uniform(1.0, 1.25))  # noqa: S311 - spreads processes
    if looks > 1 and seconds >= LOOK_AGAIN:
        tasks = await under_way(session)
        # Free, and no news is no harm.
        with contextlib.suppress(TransientError, RefusedError):
            if tasks:
                await ask(session.book, session.provider, tasks[looks % len(tasks)], lambda t: failure(t).retryable)
