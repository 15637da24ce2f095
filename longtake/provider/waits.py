"""Waits for tasks to end: polls at a rhythm that all waits of one client share."""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from typing import TYPE_CHECKING

from longtake.errors import (
    KeyRefusedError,
    PollTimeoutError,
    ProviderUnavailableError,
    RateLimitedError,
    UnknownTaskError,
)
from longtake.provider.polling import UsualDuration
from longtake.provider.token_bucket import TokenBucket

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from longtake.provider.polling import PollCadence
    from longtake.provider.tasks import ProviderTask

log = logging.getLogger("longtake.provider")

MOST_POLLS = 100
"""Polls a second of all waits together: 1,000 tasks are polled every 10 s each, more tasks less often."""
STRIKES = 3
"""Consecutive 401, 403 and 404 answers tolerated while polling: a key takes a moment to be known everywhere."""
_JUST_NOW = 1.0
"""Seconds since a task was accepted in which it cannot have ended, as far as the rhythm of polls goes."""


class Waits:
    """All waits of one client. They share a rate of polls and the known durations of each kind of task."""

    def __init__(self, cadence: PollCadence) -> None:
        self._cadence = cadence
        self._usual: defaultdict[str, UsualDuration] = defaultdict(UsualDuration)
        self._turns = TokenBucket(MOST_POLLS, MOST_POLLS)

    async def until_ended(
        self,
        poll: Callable[[str], Awaitable[ProviderTask]],
        task_id: str,
        *,
        longest: float,
        kind: str,
        going: float,
    ) -> ProviderTask:
        """Poll until a task ended; arguments and errors are those of `Provider.wait`."""
        began = time.monotonic()
        deadline = began + longest
        usual = self._usual[kind]
        pace = self._cadence.start(usual, going=going)
        delay = pace.after_answer()
        # Seconds since it was accepted when it was last known to be in progress; None while that is not known.
        after = going if going <= _JUST_NOW else None
        strikes = 0
        known = False
        odd: str | None = None
        while True:
            left = deadline - time.monotonic()
            last = delay >= left
            if await usual.pause(max(0.0, min(delay, left))):
                # Another task of this kind has ended: plan the next poll again with its duration.
                pace = self._cadence.start(usual, going=going)
                delay = pace.after_answer(time.monotonic() - began)
                continue
            await self._turns.turn()
            try:
                task = await poll(task_id)
            except (KeyRefusedError, UnknownTaskError) as error:
                strikes += 1
                new = not known and time.monotonic() - began < self._cadence.unknown
                if strikes > STRIKES and not (new and isinstance(error, UnknownTaskError)):
                    raise
                delay = pace.after_fault()
            except (RateLimitedError, ProviderUnavailableError) as error:
                log.debug("polling again: %s", error.message)
                delay = pace.after_fault(error.retry_after)
            else:
                strikes, known = 0, True
                gone = going + time.monotonic() - began
                if task.terminal:
                    if after is not None and task.status == "completed":
                        usual.ended(after=after, before=gone)
                    return task
                after = gone
                if task.status not in ("processing", odd):
                    odd = task.status
                    log.warning("task %s has the status %r and no result; polling on", task_id, task.status)
                delay = pace.after_answer(time.monotonic() - began)
            if last:
                raise PollTimeoutError(f"task {task_id} did not end within {longest:g} s", task_id=task_id)
