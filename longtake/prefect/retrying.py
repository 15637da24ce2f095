"""Prefect's retries of each step: never of a purchase, and of others only after transient errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

from prefect.cache_policies import NO_CACHE

from longtake.errors import TransientError

if TYPE_CHECKING:
    from collections.abc import Callable

    from prefect import Task
    from prefect.cache_policies import CachePolicy
    from prefect.client.schemas.objects import State, TaskRun

    from longtake.observer import StepName


class StepOptions(TypedDict, total=False):
    """Keyword arguments of `prefect.task`."""

    cache_policy: CachePolicy
    persist_result: bool
    retries: int
    retry_delay_seconds: list[float]
    retry_condition_fn: Callable[[Task[..., Any], TaskRun, State[Any]], bool]


_TRIES: dict[StepName, list[float]] = {
    "upload": [2, 5, 15],
    # Never: a repeated POST is a take paid twice. Only the ledger decides on another attempt.
    "submit": [],
    # The wait is one loop inside one task run, which costs the Prefect server far less than a retry per poll.
    "poll": [],
    "ingest": [2, 5, 15],
    "edit": [],
    "concatenate": [2, 10],
}
"""Seconds before each retry."""


def when_transient(task: Task[..., Any], run: TaskRun, state: State[Any]) -> bool:  # noqa: ARG001 - Prefect's signature
    """Whether the task ended with a transient error."""
    return isinstance(state.data, TransientError)


def options(step: StepName) -> StepOptions:
    """The options of a step's Prefect task. Nothing is cached or persisted by Prefect: a cache miss would be a purchase."""
    delays = _TRIES[step]
    found: StepOptions = {"cache_policy": NO_CACHE, "persist_result": False, "retries": len(delays)}
    if delays:
        found |= {"retry_delay_seconds": delays, "retry_condition_fn": when_transient}
    return found
