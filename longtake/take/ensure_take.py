"""The life of one take, from wanted to kept: upload, submit, poll, ingest."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from longtake.errors import RefusedError, TaskFailedError
from longtake.library import Take
from longtake.observer import Step
from longtake.provider import wants_rehosting
from longtake.take.ingest import ingest
from longtake.take.last_frame import last_frame
from longtake.take.poll import poll
from longtake.take.submit import submit
from longtake.take.upload import TakeKey, TakeRequest, TakeSpec, identify, kept, upload

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from longtake.ledger import Attempt
    from longtake.library import Frame
    from longtake.provider import ProviderTask
    from longtake.take.session import Session


@dataclass(frozen=True, slots=True)
class EnsuredTake:
    """A kept take, and whether it was there or was bought now."""

    take: Take
    state: Literal["current", "bought"]


async def ensure_take(
    session: Session,
    spec: TakeSpec,
    *,
    hand_on: Callable[[Frame], None] | None = None,
    source: Callable[[], Awaitable[Take | None]] | None = None,
) -> EnsuredTake:
    """Give the take as kept: from the store when it is there, from a task in flight, or newly bought.

    A failed task with a retryable code (provider-contract.md §3) was refunded and gets another attempt, up to the
    session's limit. Where the provider could not read an input (30002 at submit, 80007 later), that attempt is
    given the inputs at other URLs.

    Args:
        session: the run's.
        spec: the take.
        hand_on: called with the take's last frame as soon as that is recorded, before the clip is kept. From then on the take
            is not in flight. It is not called for a take that is kept already.
        source: waits for the take that this one continues, where that was not kept when this one was begun; None: it failed.

    Raises:
        LongtakeError: what any step raises; everything paid for is in the ledger and in the store by then.
    """
    take_key = await identify(session.assets, spec)
    while True:
        take = await asyncio.to_thread(kept, session.store, session.ledger, take_key)
        if take is not None:
            return EnsuredTake(take, "current")
        async with session.takes.first(take_key.fingerprint) as first:
            if first:
                with session.events.making("take", spec):
                    return await _obtained(session, take_key, hand_on, source)


async def _obtained(
    session: Session,
    take_key: TakeKey,
    hand_on: Callable[[Frame], None] | None,
    source: Callable[[], Awaitable[Take | None]] | None,
) -> EnsuredTake:
    rehost = 0
    async with contextlib.AsyncExitStack() as slot:
        await slot.enter_async_context(session.slots)
        for left in reversed(range(session.settings.max_attempts)):
            with session.events.making("attempt", take_key.spec):
                try:
                    take_request = await _upload(session, take_key, rehost)
                    attempt = await _submit(session, take_request)
                    if isinstance(attempt, Take):
                        return EnsuredTake(attempt, "current")
                    task = await _poll(session, attempt)
                except (TaskFailedError, RefusedError) as error:
                    unread = wants_rehosting(error)
                    if not left or not (unread or (isinstance(error, TaskFailedError) and error.retryable)):
                        raise
                    rehost += unread
                    continue
                frame = await last_frame(session.assets, attempt, task) if hand_on is not None else None
                if frame is not None and hand_on is not None:
                    hand_on(frame)
                    await slot.aclose()
                # Outside `keeping`: the take that is waited for needs a turn there itself.
                kept_source = await source() if source is not None else None
                # Finish what has begun before fetching more, so that the next shots of the first chains start meanwhile.
                async with session.keeping:
                    take = await _ingest(
                        session,
                        take_request,
                        attempt,
                        task,
                        given=frame,
                        source=kept_source,
                        hand_on=hand_on if frame is None else None,
                    )
                return EnsuredTake(take, "bought")
    raise AssertionError("the last attempt returns or raises")


async def _upload(session: Session, take_key: TakeKey, rehost: int) -> TakeRequest:
    if not take_key.has_inputs:
        # There is nothing to show: the request is words only.
        return await upload(session.assets, take_key, rehost=rehost)
    step = Step("upload", take_key.spec.label)
    return await session.events.observer.around(step, lambda: upload(session.assets, take_key, rehost=rehost))


async def _submit(session: Session, take_request: TakeRequest) -> Attempt | Take:
    label = take_request.take_key.spec.label
    with session.events.submitting(take_request.take_key.fingerprint, label) as since:
        found = await session.events.observer.around(Step("submit", label), lambda: submit(session, take_request))
    session.events.submitted(found, label, since=since)
    return found


async def _poll(session: Session, attempt: Attempt) -> ProviderTask:
    label = attempt.order.label
    try:
        task = await session.events.observer.around(
            Step("poll", label),
            lambda: poll(session.ledger, session.account.provider, attempt, longest=session.settings.longest_wait),
        )
    except TaskFailedError as error:
        session.events.task_failed(attempt, error)
        raise
    session.events.line(f"{label}: made by the provider, fetching it")
    return task


async def _ingest(
    session: Session,
    take_request: TakeRequest,
    attempt: Attempt,
    task: ProviderTask,
    *,
    given: Frame | None,
    source: Take | None,
    hand_on: Callable[[Frame], None] | None,
) -> Take:
    label = take_request.take_key.spec.label

    async def work() -> Take:
        return await ingest(
            session.assets, session.ledger, take_request, attempt, task, given=given, source=source, hand_on=hand_on
        )

    take = await session.events.observer.around(Step("ingest", label), work)
    session.events.kept(attempt, take, label)
    return take
