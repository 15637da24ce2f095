"""A film being made for a client: progress as it goes, and an end in good order when the call is cancelled.

The run is a task of its own. A cancelled call cancels it once and waits for it, so that the outcome of an open POST is written
down: as Ctrl-C of `longtake run` does.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

import anyio

from longtake.errors import FilmIncompleteError, TransientError
from longtake.observer import Observer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterator
    from typing import Any

    from longtake.observer import Event
    from longtake.studio import Film


_log = logging.getLogger("longtake.mcp")


class Progress(Observer):
    """Counts the steps of a run: a purchase and a kept take for each take to buy, and the join."""

    def __init__(self) -> None:
        self.bought = 0
        """Takes that this run bought."""
        self._kept = 0
        self._joined = 0.0
        self._total: float | None = None
        self._line = ""
        self.news = asyncio.Event()

    def notify(self, event: Event) -> None:
        """Note what counts."""
        if event.name == "film.started":
            self._total = 2 * int(event.data["to_buy"]) + 1.0
            self._line = f"{event.data['to_buy']} takes to buy"
        elif event.name == "attempt.accepted":
            self.bought += 1
        elif event.name == "take.kept":
            self._kept += 1
        elif event.name == "film.joining":
            self._joined = float(event.data["share"])
            self._line = "joining the film"
        elif not event.text:
            return
        self._line = event.text or self._line
        self.news.set()

    def state(self) -> tuple[float, float | None, str]:
        """Steps done, steps in all, and the last line."""
        done = self.bought + self._kept + self._joined
        # An attempt that failed is bought again, so there may be more steps than were planned.
        return done, None if self._total is None else max(self._total, done), self._line


class Running:
    """The runs of a server."""

    def __init__(self) -> None:
        self._tasks: dict[asyncio.Task[Film], str] = {}
        self._stopping = False

    def has(self, film: str) -> bool:
        """Whether a film is being made."""
        return film in self._tasks.values()

    async def run(
        self, film: str, make: Coroutine[Any, Any, Film], progress: Progress, report: Callable[..., Awaitable[None]]
    ) -> tuple[Film, FilmIncompleteError | None]:
        """Make a film and report its progress; return the film and the error that summarizes the missing shots.

        Raises:
            TransientError: the server is being stopped; nothing was begun.
            LongtakeError: nothing could be made.
        """
        if self._stopping:
            make.close()
            raise TransientError(
                f"{film} is not made: the server is being stopped",
                next_step="start the server again and repeat the call with the same digest; nothing was sent for it",
            )
        task = asyncio.create_task(make)
        with self._noted(task, film):
            try:
                await _told(task, progress, report)
            except asyncio.CancelledError:
                task.cancel()
                with anyio.CancelScope(shield=True):
                    await asyncio.wait({task})
                if not task.cancelled() and (error := task.exception()) is not None:
                    _log.warning("a cancelled run of %s ended with %s", film, type(error).__name__)
                raise
        try:
            return task.result(), None
        except FilmIncompleteError as error:
            if error.film is None:
                raise
            return error.film, error

    async def stop(self) -> None:
        """Start no more runs, cancel all runs, and wait until their open attempts are recorded."""
        self._stopping = True
        tasks = set(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    @contextmanager
    def _noted(self, task: asyncio.Task[Film], film: str) -> Iterator[None]:
        self._tasks[task] = film
        try:
            yield
        finally:
            del self._tasks[task]


async def _told(task: asyncio.Task[Film], progress: Progress, report: Callable[..., Awaitable[None]]) -> None:
    """Report news until the run ends; a client that does not take them changes nothing of the run."""
    before = -1.0
    while not task.done():
        news = asyncio.ensure_future(progress.news.wait())
        try:
            await asyncio.wait({task, news}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            news.cancel()
        progress.news.clear()
        done, total, line = progress.state()
        if done <= before:
            continue  # the protocol wants a number that grows
        before = done
        try:
            await report(done, total, line)
        except Exception as error:  # noqa: BLE001 - watching must not cost a film
            _log.warning("progress was not sent: %s", type(error).__name__)
