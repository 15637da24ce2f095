"""The account that pays for a run: its ledger, the provider, and how much may be in flight."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from longtake import library
from longtake.errors import KeyRefusedError, RefusedError, TransientError
from longtake.ledger import Limits, ReconcileReport, ask, check_balance, poll_known
from longtake.ledger.elapsed import elapsed
from longtake.ledger.ledger import now
from longtake.ledger.throttle import LONGEST_TASK, LOOK_AGAIN
from longtake.provider import failure

if TYPE_CHECKING:
    from longtake.ledger import Attempt, Ledger, LedgerState
    from longtake.provider import Provider
    from longtake.store import Store
    from longtake.take.purchase_queue import PurchaseQueue

NOTHING = Limits(in_flight=0)
"""The limits of a purchase that is not first in the queue: what is bought or kept may be used, nothing more is bought."""

_QUICKEST = 0.01
"""Seconds from which the looks of the first in the queue grow apart."""
_LONGEST_SLEEP = 5.0
"""Seconds between two looks of the first in the queue: what it waits for may end sooner than estimated."""


@dataclass(frozen=True, eq=False)
class Account:
    """An account with an open client.

    Attributes:
        ledger: its ledger.
        provider: an open client with its key.
        limits: what the account may have in flight and submit, over all runs.
        queue: this run's pending purchases.
    """

    ledger: Ledger
    provider: Provider
    limits: Limits
    queue: PurchaseQueue
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held by the one that waits for refunds: the others need not ask the provider too."""

    async def in_flight(self) -> list[Attempt]:
        """The account's tasks that may be in flight, as far as this run knows."""
        # In a thread, since the log may be busy with the store.
        state = await asyncio.to_thread(self.ledger.log.known)
        return [a for a in state.attempts.values() if a.phase == "accepted" and now() - a.since < LONGEST_TASK]

    async def pause(self, after: float, looks: int) -> None:
        """Let the first in the queue wait: `after` seconds, as a claim said that was its look number `looks` in vain.

        While it waits for others it also polls a task in flight each time. If the run that bought it died, no other run would
        see that it ended and made room.
        """
        # Others were quicker: look less and less often, since each look costs the store a request.
        seconds = after if looks == 1 else max(after, min(LOOK_AGAIN, _QUICKEST * 2**looks))
        await asyncio.sleep(min(seconds, _LONGEST_SLEEP) * random.uniform(1.0, 1.25))  # noqa: S311 - spreads processes
        if looks > 1 and seconds >= LOOK_AGAIN:
            tasks = await self.in_flight()
            try:
                if tasks:
                    await ask(self.ledger, self.provider, tasks[looks % len(tasks)], lambda t: failure(t).retryable)
            except (TransientError, RefusedError):
                pass  # polling is free, and errors here are safe to ignore

    def settle_kept(self, store: Store) -> None:
        """Settle the charges of takes that a run kept before it died.

        Raises:
            StoreError: the store is away.
        """
        for attempt in list(self.ledger.read().attempts.values()):
            if attempt.phase == "completed":
                take = library.load(store, attempt.order.fingerprint)
                if take is not None:
                    self.ledger.settled(attempt, clip=take.clip.sha256)

    async def balance(self, store: Store, *, patience: float | None = None) -> ReconcileReport | None:
        """Compare the balance with the ledger if nothing is in flight, else None. Free, and never worth failing for.

        Args:
            store: where takes are kept.
            patience: seconds after which a provider that has not answered is left alone; None for as long as its requests take.

        Raises:
            KeyRefusedError: the key does not work, so nothing else will.
        """
        try:
            async with asyncio.timeout(patience):
                # Poll what a dead run left open, so that it neither hides a drift nor keeps a refund from being seen.
                await poll_known(self.ledger, self.provider, lambda task: failure(task).retryable)
                await asyncio.to_thread(self.settle_kept, store)
                return await check_balance(self.ledger, self.provider)
        except KeyRefusedError:
            raise
        except (TransientError, TimeoutError):
            return None

    async def see_refunds(self, store: Store, *, wait: float = 0.0) -> bool:
        """Read the balance if refunds are waited for; say whether it showed one. Free.

        Args:
            store: where takes are kept.
            wait: seconds to wait for tasks in flight to end: while some are, the balance proves nothing.

        Raises:
            KeyRefusedError: the key does not work, so nothing else will.
            StoreError: the store is away.
        """
        before = _due(await asyncio.to_thread(self.ledger.read))
        # From here on, also while another waits: each would add its own time otherwise.
        ends, looks = elapsed() + wait, 0
        async with self.reading:
            while before:
                state = await asyncio.to_thread(self.ledger.read)
                if _due(state) < before:
                    return True
                await self.balance(store)
                state = await asyncio.to_thread(self.ledger.read)
                if _due(state) < before:
                    return True
                if elapsed() >= ends or not state.at_work():
                    return False
                looks += 1
                await asyncio.sleep(min(LOOK_AGAIN * looks, _LONGEST_SLEEP) * random.uniform(1.0, 1.25))  # noqa: S311 - spreads processes
        return False


def _due(state: LedgerState) -> int:
    return sum(one.credits for one in (*state.unproven, *state.missing))
