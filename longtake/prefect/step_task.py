"""Prefect tasks that work awaited and called from a sync flow alike."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, cast

from prefect import Task
from prefect.context import FlowRunContext

from longtake.prefect.retrying import options

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from longtake.observer import StepName

__all__ = ["StepTask", "step_task"]

P = ParamSpec("P")
R = TypeVar("R")


class StepTask(Task[P, "Coroutine[Any, Any, R]"], Generic[P, R]):
    """A task with an async body. Where no loop runs, as in a sync flow or a script, a call gives the result itself."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - the result, or a coroutine of it
        """Run the task: a coroutine where a loop is running, else the result."""
        work = cast("Coroutine[Any, Any, Any]", super().__call__(*args, **kwargs))
        context = FlowRunContext.get()
        in_sync_flow = context is not None and context.flow is not None and not context.flow.isasync
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return asyncio.run(work)
        return _in_thread(work) if in_sync_flow else work

    def with_options(self, **given: Any) -> StepTask[P, R]:  # noqa: ANN401 - as `prefect.task` takes them
        """The task with other options; it still works both ways."""
        changed = super().with_options(**given)
        found: StepTask[P, R] = object.__new__(type(self))
        found.__dict__.update(changed.__dict__)
        return found


def _in_thread(work: Coroutine[Any, Any, Any]) -> Any:  # noqa: ANN401 - the coroutine's result
    """Run a coroutine for a sync caller on a thread whose loop is running: a sync flow called in a notebook."""
    context, ended, failed = contextvars.copy_context(), list[Any](), list[BaseException]()

    def body() -> None:
        try:
            ended.append(context.run(asyncio.run, work))
        except BaseException as error:  # noqa: BLE001 - carried over to the caller
            failed.append(error)

    thread = threading.Thread(target=body, name="longtake-task")
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return ended[0]


def step_task(
    step: StepName, *, name: str | None = None, run_name: Callable[[], str]
) -> Callable[[Callable[P, Coroutine[Any, Any, R]]], StepTask[P, R]]:
    """Make a step's function a Prefect task with the step's options."""

    def make(function: Callable[P, Coroutine[Any, Any, R]]) -> StepTask[P, R]:
        return StepTask(fn=function, name=name or step, task_run_name=run_name, **options(step))

    return make
