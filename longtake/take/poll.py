"""Wait for an accepted attempt. Polling is free, and any run may do it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from longtake.errors import LedgerError, TaskFailedError
from longtake.ledger.ledger import now
from longtake.provider import failure

if TYPE_CHECKING:
    from longtake.ledger import Attempt, Ledger
    from longtake.provider import Provider, ProviderTask


async def poll(ledger: Ledger, provider: Provider, attempt: Attempt, *, longest: float) -> ProviderTask:
    """Poll until the provider is done, and record what it says.

    Args:
        ledger: the account's ledger.
        provider: an open client with the account's key.
        attempt: an accepted attempt.
        longest: seconds to poll before giving up for now.

    Raises:
        TaskFailedError: the provider failed and refunds; `retryable` says whether another attempt may help.
        PollTimeoutError, ProviderUnavailableError, StoreError: ask again later; the id is in the ledger.
        UnknownTaskError, KeyRefusedError: the provider does not know the task under this key.
    """
    if attempt.phase == "failed":
        # A run died between seeing the failure and booking its refund.
        await asyncio.to_thread(
            ledger.failed, attempt, code=attempt.code, message=attempt.reason, retryable=attempt.retryable
        )
        raise TaskFailedError(
            f"{attempt.order.label} failed: {attempt.reason}",
            task_id=attempt.task_id or "",
            code=attempt.code,
            retryable=attempt.retryable,
        )
    if attempt.task_id is None:
        raise LedgerError(f"attempt {attempt.id} has no task to poll", key=attempt.id)
    task = await provider.wait(
        attempt.task_id,
        longest=longest,
        # Takes of the same model and price have the same length and size, and take about as long.
        kind=f"{attempt.order.model} {attempt.order.expected}",
        going=max(0.0, (now() - attempt.since).total_seconds()),
    )
    if task.status == "completed":
        await asyncio.to_thread(ledger.completed, attempt, task.credits)
        return task
    error = failure(task)
    await asyncio.to_thread(
        ledger.failed, attempt, code=error.code, message=task.error_message or "", retryable=error.retryable
    )
    raise error
