"""What people see of a run: one moving progress artifact, tables, a summary, and events for automations.

The Prefect API may be away at any moment: nothing here is called inside a paid section and nothing here ends a run.
"""

from __future__ import annotations

import asyncio
import base64
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
from prefect.events import emit_event
from prefect.runtime import flow_run

from longtake.ledger import accounts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from longtake.errors import BudgetError
    from longtake.ledger.accounts import Line
    from longtake.take import Session

_log = logging.getLogger("longtake.flows")

_BEAT = 1.0
_PATIENCE = 15.0
"""Seconds for one call that shows something: Prefect's client by itself would try for a minute where the API is away."""
_POSTER_LIMIT = 300_000


async def harmless(call: Awaitable[Any]) -> Any:  # noqa: ANN401 - whatever the call gives
    """Await a call that only shows something; its failure is a line in the log."""
    try:
        async with asyncio.timeout(_PATIENCE):
            return await call
    except Exception as error:  # noqa: BLE001 - of whatever kind: showing must not cost a film
        _log.warning("not shown in Prefect: %s: %s", type(error).__name__, error)
        return None


async def tag_run(*tags: str) -> None:
    """Add tags to the flow run under way, so that runs of one film can be found together."""
    found = flow_run.get_id()
    if found is None:
        return
    run_id = UUID(found)

    async def work() -> None:
        async with get_client() as client:
            run = await client.read_flow_run(run_id)
            await client.update_flow_run(run_id, tags=sorted({*run.tags, *tags}))

    await harmless(work())


class Progress:
    """How far a run is: takes first (nine tenths), then the join. One reporter writes it, at most once a second."""

    def __init__(self, film: str, takes: int) -> None:
        self.film = film
        self.takes = max(takes, 1)
        self.done = 0
        self.joined = 0.0
        self.note = "starting"
        self._logger = get_run_logger()
        self._artifact: UUID | None = None
        self._shown = -1.0
        self._current = 0
        """Shots that needed nothing and were not told of yet."""

    @property
    def percent(self) -> float:
        """0 to 100."""
        return round(90.0 * self.done / self.takes + 10.0 * self.joined, 1)

    def shot_done(self, label: str, state: str) -> None:
        """A shot ended, well or not. Each has its line, but those that needed nothing share one."""
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
        """The join is this far, 0 to 1."""
        self._tell_current()
        if int(share * 5) > int(self.joined * 5):
            self._logger.info("[%5.1f %%] joining, %d %%", 90.0 + 10.0 * share, share * 100)
        self.joined = share
        self.note = f"joining, {share:.0%}"

    async def show(self) -> None:
        """Write the artifact if something moved."""
        self._tell_current()
        if self.percent == self._shown:
            return
        self._shown = self.percent
        if self._artifact is None:
            self._artifact = await harmless(
                acreate_progress_artifact(self.percent, key=f"{self.film}-progress", description=self.note)
            )
        else:
            await harmless(aupdate_progress_artifact(self._artifact, self.percent, description=self.note))

    @contextlib.asynccontextmanager
    async def shown(self) -> AsyncIterator[Progress]:
        """Keep the artifact moving while the body runs."""
        await self.show()

        async def beat() -> None:
            while True:
                await asyncio.sleep(_BEAT)
                await self.show()

        task = asyncio.create_task(beat())
        try:
            yield self
        finally:
            task.cancel()
            await asyncio.wait({task})
            await self.show()


async def shots(film: str, rows: Sequence[dict[str, Any]]) -> None:
    """The table of shots."""
    await harmless(acreate_table_artifact(list(rows), key=f"{film}-shots", description=f"Shots of {film}"))


async def credits(film: str, read: Callable[[], list[Line]]) -> None:
    """The table of credits: where they went for this film, by shot."""

    async def work() -> None:
        lines = await asyncio.to_thread(read)
        total = {**accounts.total(lines).row(), "scene": "all", "shot": ""}
        rows = [*(line.row() for line in lines), total]
        await acreate_table_artifact(rows, key=f"{film}-credits", description=f"Credits of {film}, by shot")

    await harmless(work())


async def summary(film: str, text: str, *, poster: bytes | None) -> None:
    """The run in Markdown; a small poster is put into it, because image artifacts show public URLs only."""
    if poster is not None and len(poster) <= _POSTER_LIMIT:
        text = f"![poster](data:image/jpeg;base64,{base64.b64encode(poster).decode()})\n\n{text}"
    await harmless(acreate_markdown_artifact(text, key=f"{film}-summary", description=f"Summary of {film}"))


def event(name: str, *, film: str | None, account: str, **payload: Any) -> None:  # noqa: ANN401 - an event's own values
    """Emit `longtake.<name>`; an automation can match the event name and the film.

    Without a film the event is the account's: an automation that answers films' doubts with the flow `reconcile` must not be
    started again by what that flow says.
    """
    try:
        emit_event(
            f"longtake.{name}",
            resource={
                "prefect.resource.id": f"longtake.account.{account}" if film is None else f"longtake.film.{film}",
                "prefect.resource.name": film or account,
                "longtake.account": account,
            },
            related=[
                {"prefect.resource.id": f"prefect.flow-run.{flow_run.get_id()}", "prefect.resource.role": "flow-run"}
            ]
            if flow_run.get_id()
            else [],
            payload=payload,
        )
    except Exception as error:  # noqa: BLE001 - see `harmless`
        _log.warning("event longtake.%s not sent: %s", name, error)


def refused(session: Session, error: BudgetError) -> None:
    """Tell automations that a cap would have been passed."""
    event(
        "budget.refused",
        film=session.film,
        account=session.book.account,
        scope=error.scope,
        cap=error.cap,
        needed=error.needed,
        available=error.available,
    )
