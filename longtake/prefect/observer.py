"""Show a film in Prefect: a task run for each step, an event and a log line for each change, one progress artifact."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, TypeVar

from prefect import Task, get_run_logger
from prefect.task_engine import run_task_async
from prefect.utilities.annotations import quote

from longtake.observer import Event, Observer, Observers, Part, Step, StepName
from longtake.prefect import artifacts, throttle
from longtake.prefect.retrying import options

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from contextlib import AbstractContextManager

_Result = TypeVar("_Result")

NOT_EMITTED = frozenset({"shot.done", "film.joining"})
"""Events that move the progress artifact and are not emitted: an automation has no use for them."""


async def _step(label: str, call: Callable[[], Awaitable[None]]) -> None:
    """Run one step as a task run; `label` names it in the UI."""
    del label
    await call()


def _task(name: StepName) -> Task[..., Any]:
    run_name = {"concatenate": "{label} · concatenate", "edit": "shot {label}"}.get(name, f"shot {{label}} · {name}")
    return Task(fn=_step, name=name, task_run_name=run_name, **options(name))


TASKS: dict[StepName, Task[..., Any]] = {
    name: _task(name) for name in ("upload", "submit", "poll", "ingest", "edit", "concatenate")
}


async def as_task_run(step: Step, call: Callable[[], Awaitable[_Result]]) -> _Result:
    """Run a step as a task run, at once."""
    given: list[_Result] = []

    async def work() -> None:
        # Not returned: a flow run keeps the state of each result that Prefect sees until it ends.
        given.append(await call())

    task = TASKS[step.name]
    # Prefect hands on what is quoted without looking inside.
    parameters = {"label": step.label, "call": quote(work)}
    # A task that is called reports Pending first: a third of all events of a film, for a state that it leaves at once.
    run = await task.create_local_run(parameters=parameters)
    await run_task_async(task, task_run=run, parameters=parameters)
    return given[-1]


_others: list[Observer] = []


@contextlib.contextmanager
def also(observer: Observer) -> Iterator[None]:
    """Let an observer see the films that flows make in this process while the body runs.

    For a program that calls a flow and shows it: the parameters of a flow are data that Prefect stores, so an observer cannot be
    one of them.
    """
    _others.append(observer)
    try:
        yield
    finally:
        _others.remove(observer)


def others() -> list[Observer]:
    """The observers that `also` added."""
    return list(_others)


_kept: list[list[Any]] = []


@contextlib.contextmanager
def collected() -> Iterator[list[Any]]:
    """What flows in this process have made while the body runs: films and results of sets, kept before Prefect hears of the end."""
    made: list[Any] = []
    _kept.append(made)
    try:
        yield made
    finally:
        _kept.remove(made)


def collect(made: Any) -> None:  # noqa: ANN401 - a film, or the result of a set
    """Tell the program that called the flow that this is made and kept."""
    for one in _kept:
        one.append(made)


class PrefectObserver(Observer):
    """Shows one film in the flow run under way. Showing never fails a film: the Prefect API may be away at any moment.

    Args:
        progress: moves as shots end; None for a run without one.
    """

    def __init__(self, progress: artifacts.ProgressArtifact | None = None) -> None:
        self._progress = progress
        self._log = get_run_logger()
        self.page: str | None = None
        """The page of a run that is being cancelled."""

    def notify(self, event: Event) -> None:
        """Log it, emit it, and move the progress."""
        if event.text:
            self._log.log(event.level, "%s", event.text)
        if event.page:
            self.page = event.page
        if self._progress is not None:
            self._progress.notify(event)
        if event.name and event.name not in NOT_EMITTED:
            artifacts.emit(event)
        Observers(_others).notify(event)

    async def around(self, step: Step, call: Callable[[], Awaitable[_Result]]) -> _Result:
        """Run the step as a task run, started no faster than a Prefect server takes task runs in."""

        async def task_run() -> _Result:
            await throttle.turn()
            return await as_task_run(step, call)

        return await Observers(_others).around(step, task_run)

    def within(self, part: Part) -> AbstractContextManager[None]:
        """Prefect shows steps alone."""
        return Observers(_others).within(part)

    @contextlib.asynccontextmanager
    async def shown(self) -> AsyncIterator[PrefectObserver]:
        """Keep the progress artifact moving while the body runs."""
        if self._progress is None:
            with artifacts.alone():
                yield self
            return
        async with self._progress.shown():
            yield self
