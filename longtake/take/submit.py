"""Buying: claim in the ledger, one POST, its outcome in the ledger. Nothing here or below sends that POST twice.

What runs between the claim and the written outcome is shielded: a cancelled run finishes the write before it goes. Only "not
sent" and 429 are asked again, each time under a new intent, because nothing was charged (provider-contract.md §2).
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import math
import random
from typing import TYPE_CHECKING

from longtake import library
from longtake.errors import (
    BudgetError,
    DoubtfulAnswerError,
    InDoubtError,
    KeyRefusedError,
    LongtakeError,
    NoCreditsError,
    NotSentError,
    RateLimitedError,
    RefusedError,
    StoreError,
    TaskIdNotRecordedError,
)
from longtake.ledger import Claim
from longtake.ledger.elapsed import elapsed
from longtake.ledger.identity import same_key
from longtake.ledger.ledger import LEASE
from longtake.take.account import NOTHING

if TYPE_CHECKING:
    from collections.abc import Callable

    from longtake.ledger import Attempt, Limits
    from longtake.library import Take
    from longtake.take.session import Session
    from longtake.take.upload import TakeRequest

_log = logging.getLogger("longtake.take")

_NOT_SENT_TRIES = 4
_RATE_LIMITED_TRIES = 10
_LONGEST_PAUSE = 60.0
RECORD_TRIES = 6
LOOK_AGAIN = 1.0
LONGEST_UNSENT = LEASE.total_seconds() * 2 / 3
"""Seconds after an intent was written or renewed in which its POST may start."""


async def submit(session: Session, take_request: TakeRequest) -> Attempt | Take:
    """Buy a take unless another run has bought it: returns an attempt to poll, or the take if it was kept meanwhile.

    Raises:
        InDoubtError: this or an earlier attempt may have been charged; nothing is sent until that is settled.
        BudgetError, NoCreditsError, KeyRefusedError: nothing more is bought in this run.
        RefusedError, RateLimitedError, NotSentError: nothing was charged.
        TaskIdNotRecordedError: bought, but the ledger could not be written; the error carries the id.
        StoreError: the store is away; nothing was sent.
    """
    not_sent = rate_limited = 0
    while True:
        try:
            claim = await _in_turn(session, take_request)
        except NotSentError:
            not_sent += 1
            if not_sent >= _NOT_SENT_TRIES:
                raise
            await asyncio.sleep(_pause(not_sent))
            continue
        except RateLimitedError:
            # The ledger slows the account down. With tasks in flight, wait for one to end; otherwise give up after 10 tries.
            rate_limited = 0 if await session.account.in_flight() else rate_limited + 1
            if rate_limited >= _RATE_LIMITED_TRIES:
                raise
            continue
        except (BudgetError, NoCreditsError, KeyRefusedError) as error:
            due = error.refunds if isinstance(error, BudgetError) and session.spending.halted is None else 0
            wait = session.settings.longest_wait
            if due:
                label = take_request.take_key.spec.label
                session.events.line(f"{label}: waits for the balance to show {due} credits of refunds")
                if await session.account.see_refunds(session.store, wait=wait):
                    continue
            session.spending.halt(error)
            raise
        if claim.kind == "kept":
            take = await asyncio.to_thread(library.load, session.store, take_request.take_key.fingerprint)
            if take is not None:
                return take
        elif claim.kind == "wait" or claim.attempt is None:
            await asyncio.sleep(LOOK_AGAIN * random.uniform(0.5, 1.5))  # noqa: S311 - spreads waiters, guards nothing
        else:
            return claim.attempt


async def _in_turn(session: Session, take_request: TakeRequest) -> Claim:
    """Claim the take after the earlier purchases in the queue. A take that is already bought or kept does not wait."""
    with session.account.queue.place() as place:
        if not place.turn.is_set():
            claim = await _finish_writing(session, take_request, NOTHING, lambda: None)
            if claim.kind != "wait" or claim.attempt is not None:
                return claim
            await place.turn.wait()
        for looks in itertools.count(1):
            claim = await _finish_writing(session, take_request, session.account.limits, place.leave)
            if claim.kind != "wait" or claim.attempt is not None:
                return claim
            await session.account.pause(claim.after, looks)
    raise AssertionError("who is first looks until there is an answer")


async def _finish_writing(
    session: Session, take_request: TakeRequest, limits: Limits, leave: Callable[[], None]
) -> Claim:
    """Run one claim to its written end even when the run is cancelled; then let the cancellation go on.

    `leave` is called when the next in line may claim, before the POST, so that it does not wait for the answer.
    """
    stop = asyncio.Event()
    work = asyncio.create_task(_claim_and_post(session, take_request, limits, leave, stop))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        stop.set()
        while not work.done():
            try:
                await asyncio.wait({work})
            except asyncio.CancelledError:
                continue
        if not work.cancelled() and (error := work.exception()) is not None:
            _log.warning("cancelled while buying %s: %s", take_request.take_key.spec.label, error)
        raise


async def _claim_and_post(
    session: Session, take_request: TakeRequest, limits: Limits, leave: Callable[[], None], stop: asyncio.Event
) -> Claim:
    take_key, ledger = take_request.take_key, session.ledger
    order = take_key.order(film=session.film, run=session.run, tag=session.spending.tag)
    await session.confirm_provider()
    halted = session.spending.halted and await asyncio.to_thread(session.spending.standing, ledger)
    claim = await asyncio.to_thread(
        ledger.claim,
        order,
        body=take_key.frozen_body(session.catalog),
        budget=session.spending.budget,
        elsewhere=session.spending.elsewhere,
        kept=lambda: session.store.head(library.key_of(take_key.fingerprint)) is not None,
        halted=bought_elsewhere(session, take_key.fingerprint) or halted or session.spending.not_agreed(order),
        limits=limits,
    )
    if claim.kind != "bought" or claim.attempt is None:
        return claim
    leave()
    attempt = claim.attempt
    if stop.is_set():
        await _record(lambda: ledger.not_sent(attempt, "the run was cancelled"))
        return claim
    lease = _Lease(claim.began)
    if not lease.fresh():
        # The machine slept, or the store was slow: other runs may take this process for dead and be about to buy this.
        await _record(lambda: ledger.not_sent(attempt, "its claim was too old to be used"))
        return Claim("wait", attempt)
    alive = asyncio.create_task(_renew(session, attempt, lease))
    try:
        task_id = await _post(session, take_request, attempt, lease)
    finally:
        alive.cancel()
    try:
        await _record(lambda: ledger.accepted(attempt, task_id))
    except InDoubtError:
        raise
    except BaseException as error:
        reason = error.message if isinstance(error, LongtakeError) else type(error).__name__
        lost = TaskIdNotRecordedError(
            f"task {task_id} for {attempt.order.label} is bought ({attempt.order.reserve} credits) and the ledger could "
            f"not be written: {reason}",
            attempt=attempt.id,
            task_id=task_id,
        )
        _log.critical("%s", lost)
        if not isinstance(error, Exception):
            raise
        raise lost from error
    attempt.task_id, attempt.phase = task_id, "accepted"
    return claim


def bought_elsewhere(session: Session, fingerprint: str) -> InDoubtError | None:
    """The error for a take whose attempt is open in another ledger."""
    if fingerprint not in session.spending.foreign:
        return None
    account, other = session.spending.foreign[fingerprint]
    found = f"attempt {other.id} of account {account} is open ({other.phase})"
    if same_key(account, session.ledger.account):
        return InDoubtError(
            f"{other.order.label} was bought with another ledger of this key: {found}",
            attempt=other.id,
            next_step=f"fetch it with `LONGTAKE_ACCOUNT={account} longtake run FILM`, or settle it with "
            f"`LONGTAKE_ACCOUNT={account} longtake credits resolve {other.id}`; then run again",
        )
    return InDoubtError(
        f"{other.order.label} was bought with another key: {found}",
        attempt=other.id,
        next_step="run once with that key to fetch or settle it; then this run goes on",
    )


async def _post(session: Session, take_request: TakeRequest, attempt: Attempt, lease: _Lease) -> str:
    """The one POST; whatever comes of it is in the ledger before this returns or raises."""
    ledger = session.ledger
    try:
        return (await session.account.provider.submit(take_request.body, fresh=lease.fresh)).task_id
    except NotSentError as error:
        reason = error.message
        await _record(lambda: ledger.not_sent(attempt, reason))
        raise
    except RateLimitedError as error:
        message, after = error.message, error.retry_after
        await _record(lambda: ledger.refused(attempt, status=429, code=None, message=message, retry_after=after))
        raise
    except RefusedError as error:
        status, code, message = error.status, error.code, error.message
        await _record(lambda: ledger.refused(attempt, status=status, code=code, message=message))
        raise
    except DoubtfulAnswerError as error:
        reason = error.message
        # Where even this cannot be written, the intent without an outcome says the same once its lease is over.
        with contextlib.suppress(Exception):
            await _record(lambda: ledger.in_doubt(attempt, reason))
        raise InDoubtError(
            f"attempt {attempt.id} for {attempt.order.label} may have been charged ({reason}); "
            f"{attempt.order.reserve} credits are held",
            attempt=attempt.id,
            label=attempt.order.label,
            credits=attempt.order.reserve,
        ) from error
    except BaseException as error:
        # Whatever broke, the request may have left.
        reason = f"stopped by {type(error).__name__}"
        await _record(lambda: ledger.in_doubt(attempt, reason))
        raise


class _Lease:
    """How old this process's claim is, by its own clock; the times in the log are for other machines."""

    def __init__(self, began: float) -> None:
        self.began = began

    def fresh(self) -> bool:
        """Whether a POST may still start: long before others may think this process dead."""
        return elapsed() - self.began <= LONGEST_UNSENT


async def _renew(session: Session, attempt: Attempt, lease: _Lease) -> None:
    """Keep the lease alive while the POST is open; a store that is away only makes others wait less."""
    while True:
        await asyncio.sleep(LEASE.total_seconds() / 2)
        began = elapsed()
        try:
            lease.began = began if await asyncio.to_thread(session.ledger.renew, attempt) else -math.inf
        except StoreError as error:
            _log.warning("lease of %s not renewed: %s", attempt.id, error.message)


async def _record(write: Callable[[], None]) -> None:
    """Write an outcome, patiently: it is worth money. Raises StoreError when the store stays away."""
    for attempt in range(1, RECORD_TRIES + 1):
        try:
            return await asyncio.to_thread(write)
        except StoreError:
            if attempt == RECORD_TRIES:
                raise
            await asyncio.sleep(min(0.25 * 2**attempt, 5.0))
    return None


def _pause(tries: int) -> float:
    return min(2.0 ** (tries - 1), _LONGEST_PAUSE) * random.uniform(0.75, 1.25)  # noqa: S311 - spreads clients, guards nothing
