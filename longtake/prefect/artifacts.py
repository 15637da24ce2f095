"""What people see of a run: a progress artifact, tables, a page, and events for automations.

The Prefect API may be unreachable at any time, so nothing here runs inside a paid section or ends a run.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any
from uuid import UUID

from prefect import get_run_logger
from prefect.artifacts import (
    acreate_markdown_artifact,
    acreate_progress_artifact,
    acreate_table_artifact,
    aupdate_progress_artifact,
)
from prefect.client.orchestration import get_client
from prefect.context import TagsContext
from prefect.events import emit_event
from prefect.runtime import flow_run
from prefect.utilities.urls import url_for

from longtake.observer import Event

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Iterator, Sequence

    from longtake.studio import Film

_log = logging.getLogger("longtake.flows")

_BEAT = 1.0
_PATIENCE = 15.0
"""Seconds for one call; without it Prefect's client would try for a minute if the API is unreachable."""
SHORT = 2.0
"""The same while a run is cancelled: a worker kills what has not ended after 30 seconds."""


class _Reach:
    """Whether artifacts arrive. A change is logged once, not every failed call."""

    def __init__(self) -> None:
        self._lost = False

    def lost(self, error: BaseException) -> None:
        said = f"{type(error).__name__}: {error}".rstrip(": ")
        _log.log(logging.DEBUG if self._lost else logging.WARNING, "not shown in Prefect for now: %s", said)
        self._lost = True

    def found(self) -> None:
        if self._lost:
            _log.warning("shown in Prefect again")
        self._lost = False


_reach = _Reach()


async def harmless(call: Awaitable[Any], *, patience: float = _PATIENCE) -> Any:  # noqa: ANN401 - whatever the call gives
    """Await a call that only shows something; a failure is logged and gives None.

    Args:
        call: what to await.
        patience: seconds it may take.
    """
    try:
        async with asyncio.timeout(patience):
            given = await call
    except Exception as error:  # noqa: BLE001 - no failed artifact may fail the film
        _reach.lost(error)
        return None
    _reach.found()
    return given


async def tag_run(*tags: str, name: str) -> None:
    """Add tags to the current flow run, by which runs of one film or set are found, and name it after the title.

    Before the file is read a run can only be named after the file.
    """
    found = flow_run.get_id()
    if found is None:
        return
    run_id = UUID(found)

    async def work() -> None:
        async with get_client() as client:
            run = await client.read_flow_run(run_id)
            await client.update_flow_run(run_id, tags=sorted({*run.tags, *tags}), name=name)

    await harmless(work())


class ProgressArtifact:
    """The progress of a run: shots are 90 percent, the join is the rest. It is written at most once a second."""

    def __init__(self, film: str, takes: int = 1) -> None:
        self.film = film
        self.takes = max(takes, 1)
        self.done = 0
        self.joined = 0.0
        self.note = "starting"
        self._logger = get_run_logger()
        self._artifact: UUID | None = None
        self._shown: tuple[float, str] | None = None
        self._current = 0
        """Current shots that were not logged yet."""

    @property
    def percent(self) -> float:
        """0 to 100."""
        return round(90.0 * self.done / self.takes + 10.0 * self.joined, 1)

    def notify(self, event: Event) -> None:
        """Update the progress from a film's events."""
        if event.name == "film.started":
            self.takes = max(int(event.data["shots"]), 1)
        elif event.name == "shot.done":
            self.shot_done(str(event.data["shot"]), str(event.data["state"]))
        elif event.name == "film.joining":
            self.join(float(event.data["share"]))

    def shot_done(self, label: str, state: str) -> None:
        """Count a shot that ended and log it; shots that needed nothing share a line."""
        self.done += 1
        self.note = f"{self.done} of {self.takes} shots, last: {label} {state}"
        if state == "current":
            self._current += 1
            return
        self._tell_current()
        self._logger.info("[%5.1f %%] %s: %s", self.percent, label, state)

    def _tell_current(self) -> None:
        if self._current:
            many = f"{self._current} shots are" if self._current > 1 else "1 shot is"
            self._logger.info("[%5.1f %%] %s current", self.percent, many)
            self._current = 0

    def join(self, share: float) -> None:
        """Set the progress of the join, 0 to 1."""
        self._tell_current()
        if int(share * 5) > int(self.joined * 5):
            self._logger.info("[%5.1f %%] joining, %d %%", 90.0 + 10.0 * share, share * 100)
        self.joined = share
        self.note = f"joining, {share:.0%}"

    async def show(self, *, patience: float = _PATIENCE) -> None:
        """Write the artifact if it changed; a failed write is tried again at the next beat."""
        self._tell_current()
        percent, note = self.percent, self.note
        if (percent, note) == self._shown:
            return
        if self._artifact is None:
            made = await harmless(acreate_progress_artifact(percent, key=f"{self.film}-progress", description=note))
            if made is not None:
                self._artifact, self._shown = made, (percent, note)
            return

        async def update(artifact: UUID) -> bool:
            await aupdate_progress_artifact(artifact, percent, description=note)
            return True

        if await harmless(update(self._artifact), patience=patience):
            self._shown = (percent, note)

    @contextlib.asynccontextmanager
    async def shown(self) -> AsyncIterator[ProgressArtifact]:
        """Update the artifact while the body runs, without any task depending on the API."""
        await self.show()
        over = asyncio.Event()

        async def beat() -> None:
            while not over.is_set():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(over.wait(), _BEAT)
                await self.show()

        task = asyncio.create_task(beat())
        patience = _PATIENCE
        try:
            with alone():
                yield self
        except asyncio.CancelledError:
            patience = SHORT
            raise
        finally:
            # A write under way ends first: the server may handle one that was given up after the last one.
            over.set()
            if not (await asyncio.wait({task}, timeout=patience))[0]:
                task.cancel()
                await asyncio.wait({task})
            await self.show(patience=patience)


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Run the tasks of the body without tags, and without a log line when they complete.

    For a tagged task Prefect requests a slot from the API before it runs and returns it afterwards. No limit of ours needs these
    two requests, and if the API is unreachable they fail the task, even a paid one. The run logs its own lines for what changed.
    """

    def worth_it(record: logging.LogRecord) -> bool:
        return not (record.levelno <= logging.INFO and record.getMessage() == "Finished in state Completed()")

    logger = logging.getLogger("prefect.task_runs")
    logger.addFilter(worth_it)
    try:
        with TagsContext(current_tags=set()):
            yield
    finally:
        logger.removeFilter(worth_it)


def links() -> dict[str, str]:
    """Links to the current flow run."""
    run = url_for("flow-run", obj_id=flow_run.get_id()) if flow_run.get_id() else None
    return {"this run": run} if run is not None else {}


async def film(made: Film) -> None:
    """Write the table of a film's shots, and its page."""
    await shots(made.name, made.rows)
    await page(made.name, made.page)


async def shots(film: str, rows: Sequence[dict[str, Any]]) -> None:
    """Write the table of shots."""
    await harmless(acreate_table_artifact(list(rows), key=f"{film}-shots", description=f"Shots of {film}"))


async def page(film: str, text: str, *, patience: float = _PATIENCE) -> None:
    """Write the film's page, Markdown."""
    await harmless(
        acreate_markdown_artifact(text, key=f"{film}-summary", description=f"Summary of {film}"), patience=patience
    )


def event(name: str, *, film: str | None, account: str, **data: Any) -> None:  # noqa: ANN401 - an event's own values
    """Emit an event that does not go to observers."""
    emit(Event(name, film, account, data=data))


def emit(event: Event) -> None:
    """Emit `longtake.<name>`; an automation can match the event name, the film and its labels.

    Without a film the event belongs to the account, because an automation that answers a film's doubts with the flow
    `reconcile` must not be triggered by that flow's own events.
    """
    film, run = event.film, flow_run.get_id()
    try:
        emit_event(
            f"longtake.{event.name}",
            resource={
                "prefect.resource.id": f"longtake.account.{event.account}" if film is None else f"longtake.film.{film}",
                "prefect.resource.name": film or event.account,
                "longtake.account": event.account,
                **{f"longtake.label.{name}": value for name, value in event.data.get("labels", {}).items()},
            },
            related=[{"prefect.resource.id": f"prefect.flow-run.{run}", "prefect.resource.role": "flow-run"}]
            if run
            else [],
            payload=dict(event.data),
        )
    except Exception as error:  # noqa: BLE001 - see `harmless`
        _log.warning("event longtake.%s not sent: %s", event.name, error)
