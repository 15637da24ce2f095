"""The session of a task that runs on its own."""

from __future__ import annotations

import uuid
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from prefect.exceptions import MissingContextError
from prefect.logging import get_logger, get_run_logger
from prefect.runtime import flow_run, task_run

from longtake.observer import Event, Observer
from longtake.prefect import artifacts
from longtake.prefect.config import settings_of
from longtake.prefect.tracing import traced
from longtake.storyboard import slug
from longtake.studio.connections import connected

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from longtake.blocks import ArtifactStore, ReapiCredentials
    from longtake.take import Session


class _Events(Observer):
    """Logs and emits events. Steps are not wrapped, because the task is a task run already."""

    def notify(self, event: Event) -> None:
        if event.text:
            try:
                get_run_logger().log(event.level, "%s", event.text)
            except MissingContextError:
                get_logger("longtake").log(event.level, "%s", event.text)
        if event.name:
            artifacts.emit(event)


_EVENTS = _Events()


@asynccontextmanager
async def session_of(
    credentials: ReapiCredentials | None, store: ArtifactStore | None, *, film: str, budget: int | None = None
) -> AsyncIterator[Session]:
    """Open, or share, the session of a task on its own. What tasks of one flow run buy counts against one run budget.

    Raises:
        SettingsError: a setting is unusable.
        StoreError: the store is away.
    """
    with traced():
        async with connected(
            settings_of(credentials, store),
            film=slug(film),
            run=flow_run.get_id() or uuid.uuid4().hex,
            run_budget=budget,
            observer=_EVENTS,
        ) as session:
            yield session


def label_of(parameter: str, step: str) -> str:
    """The name of a task run: what it works on, and the step."""
    value = (task_run.get_parameters() or {}).get(parameter)
    label = getattr(value, "label", None) or getattr(value, "id", None) or ""
    return f"shot {label} · {step}" if label else step
