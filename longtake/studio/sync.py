"""Run a coroutine for a caller without `await`, whether or not a loop is running on its thread."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import functools
import signal
import threading
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

_Result = TypeVar("_Result")
_Self = TypeVar("_Self")
_P = ParamSpec("_P")


def run_sync(work: Coroutine[Any, Any, _Result]) -> _Result:
    """Run a coroutine to its end and give its result. Ctrl-C cancels it and waits until it has written what it bought.

    Where a loop is running on this thread, as in a notebook, the coroutine runs on a thread of its own with the caller's context.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    result: _Result = _InThread(work).result()
    return result


@contextlib.contextmanager
def _ctrl_c_interrupts() -> Iterator[None]:
    """Let Ctrl-C raise KeyboardInterrupt here: `asyncio.run` would cancel its main task, which waits for this call."""
    handler = signal.getsignal(signal.SIGINT)
    runner = getattr(getattr(handler, "func", None), "__self__", None)
    if not isinstance(runner, asyncio.Runner) or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)


class _InThread(Generic[_Result]):
    """A coroutine that runs on a thread of its own."""

    def __init__(self, work: Coroutine[Any, Any, _Result]) -> None:
        self._work = work
        self._lock = threading.Lock()
        self._stopped = False
        # Not `Thread.join`: interrupted by Ctrl-C it takes the thread for ended (CPython 3.11, bpo-45274), and the process would
        # leave while an answer is still to be written.
        self._done = threading.Event()
        self._running: tuple[asyncio.AbstractEventLoop, asyncio.Task[_Result]] | None = None
        self._ended: list[_Result] = []
        self._failed: list[BaseException] = []
        context = contextvars.copy_context()
        self._thread = threading.Thread(target=context.run, args=(self._body,), name="longtake")

    def result(self) -> _Result:
        """Start, wait, and give the result or raise the error."""
        self._thread.start()
        try:
            with _ctrl_c_interrupts():
                self._done.wait()
        except KeyboardInterrupt:
            self._cancel()
            self._done.wait()
            raise
        finally:
            if self._done.is_set():
                self._thread.join()
        if self._failed:
            raise self._failed[0]
        return self._ended[0]

    def _body(self) -> None:
        try:
            self._ended.append(asyncio.run(self._main()))
        except BaseException as error:  # noqa: BLE001 - carried over to the caller
            self._failed.append(error)
        finally:
            self._done.set()

    async def _main(self) -> _Result:
        task = asyncio.ensure_future(self._work)
        with self._lock:
            self._running = (asyncio.get_running_loop(), task)
            if self._stopped:
                task.cancel()
        return await task

    def _cancel(self) -> None:
        with self._lock:
            self._stopped = True
            if self._running is None:
                return
            loop, task = self._running
        if not loop.is_closed():
            loop.call_soon_threadsafe(task.cancel)


def without_await(
    call: Callable[Concatenate[_Self, _P], Coroutine[Any, Any, _Result]],
) -> Callable[[Callable[[_Self], None]], Callable[Concatenate[_Self, _P], _Result]]:
    """Make a method that runs an async one to its end; the arguments are those of the async one, also for type checkers."""

    def decorate(method: Callable[[_Self], None]) -> Callable[Concatenate[_Self, _P], _Result]:
        @functools.wraps(call)
        def run(self: _Self, /, *args: _P.args, **kwargs: _P.kwargs) -> _Result:
            own: Callable[_P, Coroutine[Any, Any, _Result]] = getattr(
                self, call.__name__
            )  # a subclass may have its own
            return run_sync(own(*args, **kwargs))

        run.__name__, run.__qualname__, run.__doc__ = method.__name__, method.__qualname__, method.__doc__
        return run

    return decorate
