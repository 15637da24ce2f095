"""Prefect tasks that work awaited and called from a sync flow alike."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, cast, overload

from prefect import Task
from prefect.context import FlowRunContext, TaskRunContext

from longtake.prefect.retrying import options
from longtake.studio.sync import run_sync

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from longtake.library import Take
    from longtake.observer import StepName
    from longtake.studio import ClipRequest, Film, FinishedTask, Submission

    # A call gives the result, or a coroutine of it, and no type says which without the caller. These are both, for type checkers.
    class _Request(ClipRequest, Awaitable[ClipRequest]): ...

    class _Purchase(Submission, Awaitable[Submission]): ...

    class _Generation(FinishedTask, Awaitable[FinishedTask]): ...

    class _Take(Take, Awaitable[Take]): ...

    class _Film(Film, Awaitable[Film]): ...


P = ParamSpec("P")
R = TypeVar("R")


class StepTask(Task[P, R], Generic[P, R]):
    """A task with an async body. Where no loop runs, as in a sync flow or a script, a call gives the result itself."""

    # `Task` describes a call of a sync task, or of an async one, and not of one that is both.
    @overload  # type: ignore[override]
    def __call__(self: StepTask[P, ClipRequest], *args: P.args, **kwargs: P.kwargs) -> _Request: ...
    @overload
    def __call__(self: StepTask[P, Submission], *args: P.args, **kwargs: P.kwargs) -> _Purchase: ...
    @overload
    def __call__(self: StepTask[P, FinishedTask], *args: P.args, **kwargs: P.kwargs) -> _Generation: ...
    @overload
    def __call__(self: StepTask[P, Take], *args: P.args, **kwargs: P.kwargs) -> _Take: ...
    @overload
    def __call__(self: StepTask[P, Film], *args: P.args, **kwargs: P.kwargs) -> _Film: ...
    @overload
    def __call__(self, *args: object, wait_for: object, **kwargs: object) -> Any: ...  # noqa: ANN401 - with Prefect's options
    @overload
    def __call__(self, *args: object, return_state: bool, **kwargs: object) -> Any: ...  # noqa: ANN401
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the task: a coroutine where a loop is running, else the result."""
        work = cast("Coroutine[Any, Any, Any]", super().__call__(*args, **kwargs))
        return work if _is_awaited() else run_sync(work)

    def with_options(self, **given: Any) -> StepTask[P, R]:  # noqa: ANN401 - as `prefect.task` takes them
        """The task with other options; it still works both ways."""
        changed = super().with_options(**given)
        found: StepTask[P, R] = object.__new__(type(self))
        found.__dict__.update(changed.__dict__)
        return found


def _is_awaited() -> bool:
    """Whether the caller can await: a loop is running, and the innermost flow or task under way is not a sync one.

    A sync flow called in a notebook runs on the thread of the notebook's loop.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    flow, task = FlowRunContext.get(), TaskRunContext.get()
    if task is not None and (flow is None or flow.flow_run is None or task.task_run.flow_run_id == flow.flow_run.id):
        return task.task.isasync
    return flow is None or flow.flow is None or flow.flow.isasync


def step_task(
    step: StepName, *, name: str | None = None, run_name: Callable[[], str]
) -> Callable[[Callable[P, Coroutine[Any, Any, R]]], StepTask[P, R]]:
    """Make a step's function a Prefect task with the step's options."""

    def make(function: Callable[P, Coroutine[Any, Any, R]]) -> StepTask[P, R]:
        # What a caller gets in the end is R: `.submit` and `.map` of Prefect await the coroutine.
        body = cast("Callable[P, R]", function)
        return StepTask(fn=body, name=name or step, task_run_name=run_name, **options(step))

    return make
