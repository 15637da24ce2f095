"""Show a film set in Prefect: a log line, an event and a page for each film, one progress artifact, one table at the end.

No task run for each step: a set has thousands of steps, and a burst of task runs loses states at the Prefect server.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

from prefect import get_run_logger
from prefect.artifacts import acreate_markdown_artifact, acreate_table_artifact

from longtake.observer import Event, Observer, Observers
from longtake.prefect import artifacts
from longtake.prefect.observer import others

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from longtake.film_set import SetResult


_SILENT = frozenset({"shot.done", "film.joining", "film.started", "attempt.accepted", "take.kept"})
"""Events that would flood the event feed in a set of hundreds of films."""
_LAST = frozenset({"film.ready", "film.incomplete"})
"""Events of a film's end."""
_MOST_ROWS = 1000
"""Rows of a table that the Prefect UI still shows quickly."""


class _SetProgress(artifacts.ProgressArtifact):
    """The progress of a film set: films that ended."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._begun = time.monotonic()

    @property
    def percent(self) -> float:
        """0 to 100."""
        return round(100.0 * self.done / self.takes, 1)

    def notify(self, event: Event) -> None:
        """Update the progress after each film."""
        if event.name == "set.film":
            self.takes, self.done = int(event.data["films"]), int(event.data["done"])
            left = (time.monotonic() - self._begun) / self.done * (self.takes - self.done)
            self.note = event.text + (f"; about {left / 60:.0f} min left" if left > 90 else "")


class QuietObserver(Observer):
    """Shows one dispatched film of a set: its lines, and its events but for the last, which the run of the set emits."""

    def __init__(self) -> None:
        self._log = get_run_logger()

    def notify(self, event: Event) -> None:
        """Log it, and emit it."""
        if event.text:
            self._log.log(event.level, "%s", event.text)
        if event.name and event.name not in _SILENT | _LAST:
            artifacts.emit(event)
        Observers(others()).notify(event)


class SetObserver(Observer):
    """Shows one film set in the current flow run. A failure to show it never fails a film.

    Args:
        name: the set's slug.
    """

    def __init__(self, name: str) -> None:
        self.progress = _SetProgress(name)
        self._pages: set[asyncio.Task[None]] = set()
        self._log = get_run_logger()

    def notify(self, event: Event) -> None:
        """Log films and warnings, emit events for automations, and update the progress."""
        if event.text and (event.name == "set.film" or event.level > 20):
            self._log.log(event.level, "%s", event.text)
        self.progress.notify(event)
        if event.name == "set.film" and event.page:
            page = asyncio.create_task(artifacts.page(str(event.film), event.page))
            self._pages.add(page)
            page.add_done_callback(self._pages.discard)
        if event.name and event.name not in _SILENT:
            artifacts.emit(event)
        Observers(others()).notify(event)

    @contextlib.asynccontextmanager
    async def shown(self) -> AsyncIterator[None]:
        """Keep the progress moving while the body runs; the pages of films that ended are written."""
        async with self.progress.shown():
            yield
        await asyncio.gather(*self._pages)


async def show(result: SetResult) -> None:
    """Write the table of a set's films and its page."""
    rows = [
        {
            "key": one.key,
            "state": one.state,
            "seconds": round(one.seconds, 1),
            "charged": one.charged,
            "refunded": one.refunded,
            "in doubt": one.in_doubt,
            **{f"label {name}": value for name, value in one.labels.items()},
            # Long texts last: the page shows as many columns as fit.
            "error": one.error,
            "film": one.place or "",
        }
        for one in result.films[:_MOST_ROWS]
    ]
    about = f"Films of {result.set}"
    await artifacts.harmless(acreate_table_artifact(rows, key=f"{result.set}-films", description=about))
    page = result.page()
    await artifacts.harmless(
        acreate_markdown_artifact(page, key=f"{result.set}-summary", description=f"Summary of {result.set}")
    )
