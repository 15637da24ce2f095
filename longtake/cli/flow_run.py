"""The flows `storyboard` and `film_set` at a terminal: the Prefect API of the active profile, or a temporary server."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeVar

import httpx
from prefect.exceptions import PrefectException
from prefect.settings import get_current_settings

from longtake.cli import answer
from longtake.cli.board import place
from longtake.cli.progress import warnings
from longtake.errors import LongtakeError
from longtake.flows.film_set import film_set as films_of
from longtake.flows.storyboard import storyboard
from longtake.prefect.observer import also, collected

if TYPE_CHECKING:
    from collections.abc import Collection, Coroutine, Sequence

    from longtake.cli.progress import Lines
    from longtake.cli.set_progress import SetLines
    from longtake.film_set import SetResult
    from longtake.storyboard import Downstream
    from longtake.studio import Film


_Answer = TypeVar("_Answer")

_BEAT = 0.5
_PATIENCE = 20.0
"""Seconds that Prefect gets to record the end of a run, before the server is asked whether it is there at all."""


class _StoppedError(LongtakeError):
    """The run was stopped by SIGINT or SIGTERM; the exit code is 128 + the signal, as in shells."""

    default_next_step = "run again: the ledger has what was bought, and it is not bought twice"


def main(
    board: str,
    *,
    progress: Lines,
    retake: Sequence[str],
    downstream: Downstream | None,
    labels: dict[str, str],
    on: str | None,
    as_json: bool,
    signals: Collection[signal.Signals],
) -> int:
    """Run the flow once, show its progress and print the answer; return the exit code."""
    call = storyboard(place(board), retake=tuple(retake), downstream=downstream, labels=labels, scenes=on)
    return _shown(call, progress=progress, as_json=as_json, signals=signals)


def main_set(
    film_set: str,
    *,
    progress: SetLines,
    skip_bad_rows: bool,
    labels: dict[str, str],
    on: str | None,
    as_json: bool,
    signals: Collection[signal.Signals],
) -> int:
    """Run the flow `film_set` once, as `main` does `storyboard`."""
    call = films_of(place(film_set), skip_bad_rows=skip_bad_rows, labels=labels, on=on)
    return _shown(call, progress=progress, as_json=as_json, signals=signals)


def _shown(
    call: Coroutine[Any, Any, Film | SetResult],
    *,
    progress: Lines | SetLines,
    as_json: bool,
    signals: Collection[signal.Signals],
) -> int:
    # Prefect would print a traceback for each log line that an unreachable API missed; the flow reports that once.
    logging.raiseExceptions = False
    logging.getLogger("longtake").addHandler(warnings(progress.say))
    kept: list[Film | SetResult] = []
    try:
        with progress, also(progress), collected() as kept:
            made = _run(call, signals, kept)
    except LongtakeError as error:
        answer.show(getattr(error, "film", None) or getattr(error, "result", None), error, as_json=as_json)
        return error.exit_code
    except (httpx.HTTPError, PrefectException, RuntimeError) as error:
        if kept:
            answer.show(kept[-1], None, as_json=as_json)
            print(
                f"longtake: warning: it is all kept, but Prefect could not be told of the end ({type(error).__name__}); the run "
                "looks unfinished there. Next: start the server again, and the next run is recorded",
                file=sys.stderr,
            )
            _leave(0)
            return 0
        away = LongtakeError(
            f"Prefect failed the run: {type(error).__name__}: {error}",
            next_step=(
                "check PREFECT_API_URL and that its server answers, or unset it for a temporary server, and run again: "
                "nothing is bought twice"
            ),
        )
        answer.show(None, away, as_json=as_json)
        _leave(away.exit_code)
        return away.exit_code
    answer.show(made, None, as_json=as_json)
    return 0


def _leave(code: int) -> None:
    """End the process where the named server is away: Prefect would retry for minutes to send what no server receives."""
    if get_current_settings().api.url is not None:
        sys.stdout.flush()
        os._exit(code)


def _is_away() -> bool:
    """Whether a server is named and does not answer."""
    url = get_current_settings().api.url
    if url is None:
        return False
    try:
        return httpx.get(f"{url}/health", timeout=_PATIENCE / 4).is_server_error
    except httpx.HTTPError:
        return True


def _run(flow: Coroutine[Any, Any, _Answer], signals: Collection[signal.Signals], kept: list[Any]) -> _Answer:
    """Run the flow in a thread and cancel it on SIGINT and SIGTERM: an open POST's outcome is recorded before the end.

    In the main thread Prefect would handle SIGTERM itself and exit at once.

    Args:
        flow: the call.
        signals: what cancels it.
        kept: gets what the flow has made; once it holds something, a server that is away is not waited for.

    Raises:
        httpx.ConnectError: it is all made, and the server did not answer any more.
        _StoppedError: it was cancelled by a signal.
    """
    done: Future[_Answer] = Future()
    running: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]]] = []
    caught: list[int] = []

    async def work() -> _Answer:
        task = asyncio.ensure_future(flow)
        running.append((asyncio.get_running_loop(), task))
        if caught:
            task.cancel()
        return await task

    def body() -> None:
        # Child processes inherit this: a temporary server must survive the Ctrl-C that also reaches it.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            done.set_result(asyncio.run(work()))
        except BaseException as error:  # noqa: BLE001 - carried over to the main thread
            done.set_exception(error)

    def stop(number: int, _frame: object) -> None:
        caught.append(number)
        for loop, task in running:
            with contextlib.suppress(RuntimeError):  # it has ended by itself
                loop.call_soon_threadsafe(task.cancel)

    for number in signals:
        signal.signal(number, stop)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
    thread = threading.Thread(target=body, name="flow", daemon=True)
    thread.start()
    told = 0.0
    while thread.is_alive():
        thread.join(_BEAT)
        told = told + _BEAT if kept else 0.0
        if told > _PATIENCE and not caught and _is_away():
            raise httpx.ConnectError("no answer")
    error = done.exception()
    if error is None or not caught or isinstance(error, LongtakeError):
        return done.result()
    # Any error: if the API is unreachable, Prefect fails before the cancellation arrives.
    stopped = _StoppedError("stopped by a signal")
    stopped.exit_code = 128 + caught[0]
    raise stopped from None
