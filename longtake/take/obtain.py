"""The life of one take, from wanted to kept. The steps are passed in, so that Prefect can show each as a task."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from longtake.errors import RefusedError, TaskFailedError
from longtake.provider import wants_rehosting
from longtake.record import Take
from longtake.take.keep import keep
from longtake.take.poll import poll
from longtake.take.submit import submit
from longtake.take.upload import Identity, Prepared, Wanted, identify, kept, upload

if TYPE_CHECKING:
    from longtake.ledger import Attempt
    from longtake.provider import Task
    from longtake.take.session import Session


class _Upload(Protocol):
    async def __call__(self, session: Session, identity: Identity, *, rehost: int = 0) -> Prepared: ...


class _Submit(Protocol):
    async def __call__(self, session: Session, prepared: Prepared) -> Attempt | Take: ...


class _Poll(Protocol):
    async def __call__(self, session: Session, attempt: Attempt) -> Task: ...


class _Keep(Protocol):
    async def __call__(self, session: Session, prepared: Prepared, attempt: Attempt, task: Task) -> Take: ...


@dataclass(frozen=True, slots=True)
class Steps:
    """The four steps of a take: plain coroutines here, tasks in Prefect."""

    upload: _Upload = upload
    submit: _Submit = submit
    poll: _Poll = poll
    keep: _Keep = keep


@dataclass(frozen=True, slots=True)
class Obtained:
    """A kept take, and whether it was there or came now."""

    take: Take
    state: Literal["current", "bought"]


PLAIN = Steps()


async def obtain(session: Session, wanted: Wanted, steps: Steps = PLAIN) -> Obtained:
    """The take as kept: from the store when it is there, from a task under way, or newly bought.

    A failed task that the contract calls retryable was refunded and gets another attempt, up to the session's limit; where the
    provider could not read an input (30002 at submit, 80007 later), that attempt is given the inputs at other URLs.

    Raises:
        LongtakeError: what any step raises; everything paid for is in the ledger and in the store by then.
    """
    identity = await identify(session, wanted)
    take = await asyncio.to_thread(kept, session, identity)
    if take is not None:
        return Obtained(take, "current")
    # Without inputs there is nothing to show.
    prepare = steps.upload if identity.has_inputs else upload
    rehost = 0
    async with session.slots:
        for left in reversed(range(session.settings.max_attempts)):
            try:
                prepared = await prepare(session, identity, rehost=rehost)
                attempt = await steps.submit(session, prepared)
                if isinstance(attempt, Take):
                    return Obtained(attempt, "current")
                task = await steps.poll(session, attempt)
            except (TaskFailedError, RefusedError) as error:
                unread = wants_rehosting(error)
                if not left or not (unread or (isinstance(error, TaskFailedError) and error.retryable)):
                    raise
                rehost += unread
                continue
            # What is begun is brought to its end, so that the next shots of the first chains are on their way meanwhile.
            async with session.keeping:
                return Obtained(await steps.keep(session, prepared, attempt, task), "bought")
    raise AssertionError("the last attempt returns or raises")
