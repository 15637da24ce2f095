"""The calls that lead to the paid POST, through all tasks of a loop: which functions of Longtake, from the outside in."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import sys

import httpx

LAYERS = ("cli", "flows", "tasks", "prefect", "studio", "take", "provider")
OBSERVERS = ("longtake.observer", "longtake.prefect.observer")
"""They wrap a step and call back into it."""

_before = contextvars.ContextVar("calls that led to this task", default=())


def _calls():
    """The functions of Longtake on the stack, as `module:function`, outermost first, those of the tasks before included."""
    found, frame = [], sys._getframe(1)
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module.startswith("longtake."):
            found.append(f"{module}:{frame.f_code.co_qualname}")
        frame = frame.f_back
    return (*_before.get(), *reversed(found))


def _task(loop, work, *, context=None, **options):
    context = context or contextvars.copy_context()
    context.run(_before.set, _calls())
    return asyncio.Task(work, loop=loop, context=context, **options)


@contextlib.contextmanager
def noting_posts():
    """Yield a list that gets the calls that led to each POST of this loop."""
    seen = []
    real = httpx.AsyncHTTPTransport.handle_async_request

    async def handle(self, request):
        calls = _calls()
        if request.method == "POST" and any(call.startswith("longtake.provider.") for call in calls):
            seen.append(calls)
        return await real(self, request)

    httpx.AsyncHTTPTransport.handle_async_request = handle
    loop = asyncio.get_running_loop()
    loop.set_task_factory(_task)
    try:
        yield seen
    finally:
        loop.set_task_factory(None)
        httpx.AsyncHTTPTransport.handle_async_request = real


def downwards(calls):
    """The modules that are crossed on the way, without the observers; fails where a call goes up."""
    modules = [call.partition(":")[0] for call in calls]
    modules = [module for module in modules if module not in OBSERVERS]
    ranks = [LAYERS.index(module.split(".")[1]) for module in modules]
    assert ranks == sorted(ranks), "\n".join(calls)
    return [module for place, module in enumerate(modules) if place == 0 or modules[place - 1] != module]
