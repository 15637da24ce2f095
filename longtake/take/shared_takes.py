"""Takes that a run is obtaining now: films of a set that share a take obtain it once, and the others wait without a slot."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from longtake.errors import TaskFailedError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class SharedTakes:
    """Belongs to one run in one process, whatever loops and threads its sessions are on."""

    def __init__(self) -> None:
        self._open: dict[str, Future[None]] = {}
        self._guard = threading.Lock()

    @asynccontextmanager
    async def first(self, fingerprint: str) -> AsyncIterator[bool]:
        """Give True to the one caller that obtains the take; give False to the others when that caller has ended.

        Raises:
            TaskFailedError: the provider failed the take of the caller that was first: what it refused once is not bought again
                for each film that shares it.
        """
        with self._guard:
            other = self._open.get(fingerprint)
            if other is None:
                mine = self._open[fingerprint] = Future()
        if other is not None:
            # Shielded, because a caller that is cancelled must not end the wait of the others.
            await asyncio.shield(asyncio.wrap_future(other))
            yield False
            return
        failed: TaskFailedError | None = None
        try:
            yield True
        except TaskFailedError as error:
            failed = error
            raise
        finally:
            with self._guard:
                del self._open[fingerprint]
            if failed is not None:
                mine.set_exception(failed)
            else:
                mine.set_result(None)
