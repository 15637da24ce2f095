"""Work that runs next to the path of a chain: bounded, at low priority, and on threads that the path never waits for."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["in_background"]

_Args = ParamSpec("_Args")
_Result = TypeVar("_Result")

_NICE = 10


async def in_background(call: Callable[_Args, _Result], *args: _Args.args, **kwargs: _Args.kwargs) -> _Result:
    """As `asyncio.to_thread`, on as many threads as there are cores, which the system runs when nothing else is to do.

    Decoding releases the GIL, so the event loop is held up for some milliseconds only.
    """
    work = partial(contextvars.copy_context().run, call, *args, **kwargs)
    return await asyncio.get_running_loop().run_in_executor(_pool(os.getpid()), work)


def _yielding() -> None:
    # Linux takes the id of a thread here, and threads of libav that a thread starts have its priority.
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)


@cache
def _pool(process: int) -> ThreadPoolExecutor:  # noqa: ARG001 - a forked process has none of its parent's threads
    return ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="longtake-keep", initializer=_yielding)
