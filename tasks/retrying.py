"""When a task may be tried again by Prefect: never a paid one, and others only for errors that can pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from longtake.errors import TransientError

if TYPE_CHECKING:
    from prefect import Task
    from prefect.client.schemas.objects import State, TaskRun


def when_transient(task: Task[Any, Any], run: TaskRun, state: State[Any]) -> bool:  # noqa: ARG001 - Prefect's signature
    """True when the task ended with an error that may pass by itself."""
    return isinstance(state.data, TransientError)
