"""Stop in good order: SIGTERM from a worker (a rollout, "Cancel" in the UI) cancels the flow before Prefect handles the signal.

Prefect's handler raises in the main thread, and the event loop then cancels every coroutine at once, an open POST included: its
answer would be lost and a person would have to look for the task. So while films are made, the signal first cancels the flow,
which records what it bought, and only then reaches Prefect.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def in_good_order() -> Iterator[None]:
    """While the body runs in the main thread, SIGTERM cancels the current task; afterwards the previous handler gets it."""
    before = signal.getsignal(signal.SIGTERM)
    task = asyncio.current_task()
    if threading.current_thread() is not threading.main_thread() or before is None or task is None:
        yield
        return
    loop = asyncio.get_running_loop()
    caught: list[bool] = []

    def stop() -> None:
        caught.append(True)
        task.cancel()

    loop.add_signal_handler(signal.SIGTERM, stop)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
        signal.signal(signal.SIGTERM, before)
        if caught:
            os.kill(os.getpid(), signal.SIGTERM)
