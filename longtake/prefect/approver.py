"""Ask a person before credits are spent: in Prefect's own form, or at the terminal.

A run of a deployment is suspended: its worker is free, and on resume the flow begins again and comes to the same place, because
all it knows lies in the store and the ledger. A local run, and one that goes on by itself without an answer, is paused and keeps
its process.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
import time
import uuid
from dataclasses import asdict
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

import httpx
from prefect import get_run_logger
from prefect.artifacts import acreate_markdown_artifact
from prefect.client.orchestration import get_client
from prefect.context import FlowRunContext
from prefect.exceptions import FlowPauseTimeout, Pause
from prefect.flow_runs import apause_flow_run, asuspend_flow_run
from prefect.input import RunInput
from prefect.runtime import flow_run
from prefect.settings import get_current_settings
from prefect.states import Suspended
from pydantic import Field

from longtake.errors import SettingsError
from longtake.prefect import artifacts
from longtake.studio.approval import Answer, Question

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from longtake.storyboard import Approval

_LOOK_AGAIN = 5
"""Seconds between two looks at whether a paused run was resumed, or the API is back."""
_GRACE = 3600
"""Seconds by which Prefect waits longer than we do: when its own timeout is over, it fails the run, which should go on."""
_MOST_ANSWERS = 200
_CONFLICT = 409
_SERVER_ERRORS = 500

_Given = TypeVar("_Given")


class ApprovalForm(RunInput):
    """The form a person fills in to let a run go on."""

    approve: bool = Field(
        default=False, title="Spend it", description="Off: the run ends here with what is bought so far."
    )
    credits: int = Field(
        default=0,
        ge=0,
        title="At most (credits)",
        description="The most this run may cost in all, what it has spent so far included. 1 credit is $0.001.",
    )
    by: str = Field(default="", max_length=100, title="Who decides", description="A name for the log.")


async def patiently(call: Callable[[], Awaitable[_Given]]) -> _Given:
    """Call Prefect's API until it answers; while it is down, only time is lost.

    Raises:
        httpx.HTTPStatusError: it answers with an error of the client.
    """
    away = False
    while True:
        try:
            return await call()
        except httpx.HTTPStatusError as error:
            if error.response.status_code < _SERVER_ERRORS:
                raise
        except httpx.TransportError:
            pass
        if not away:
            get_run_logger().warning("the Prefect API does not answer; waiting for it")
        away = True
        await asyncio.sleep(_LOOK_AGAIN)


def check_approver(approval: Approval) -> None:
    """Check that a person can be asked, before anything else is done.

    Raises:
        SettingsError: the run asks, and there is neither a Prefect server nor a terminal to ask at.
    """
    if approval.before and _temporary() and not sys.stdin.isatty():
        raise SettingsError(
            "this run asks before it spends, and no one can be asked: there is no Prefect server and no terminal",
            next_step="set PREFECT_API_URL to a server, run it at a terminal, or remove `before` from the storyboard's `approval`",
        )


async def ask(question: Question) -> Answer | None:
    """Ask a person; None if no answer came in time.

    At a Prefect server the run is suspended or paused until a person fills in the form; without a server the terminal is asked.
    """
    if _temporary():
        return await _at_terminal(question)
    return await _at_prefect(question)


def _temporary() -> bool:
    """Whether Prefect's API lives only as long as this process, so that its forms cannot be seen."""
    return get_current_settings().api.url is None


async def _at_prefect(question: Question) -> Answer | None:
    form = ApprovalForm.with_initial_data(description=question.text, approve=False, credits=question.credits, by="")
    word, seconds, silence = question.subject.replace(" ", "-"), int(question.seconds), question.silence
    while (found := await patiently(lambda: _given(word))) is None:
        artifacts.event(
            "approval.wanted",
            film=question.film,
            account=question.account,
            subject=question.subject,
            credits=question.credits,
        )
        page, about = "\n\n".join([question.text, *question.pictures]), f"A question about {question.film}"
        await artifacts.harmless(acreate_markdown_artifact(page, key=f"{question.film}-question", description=about))
        # Answers are found by the word. A question that was never answered, because the run was killed, gets a new key.
        key = f"{word}-{uuid.uuid4().hex[:8]}"
        if silence is None and _can_be_suspended():
            await patiently(lambda: _suspend(form, seconds, key))  # noqa: B023 - awaited here
        else:
            async with _answered(silence, after=seconds):
                if await _pause(form, seconds if silence is None else seconds + _GRACE, key):
                    return None
    return found


def _can_be_suspended() -> bool:
    """Prefect suspends runs of deployments, but not those that another flow waits for."""
    context = FlowRunContext.get()
    run = context.flow_run if context is not None else None
    return run is not None and run.deployment_id is not None and run.parent_task_run_id is None


async def _given(word: str) -> Answer | None:
    """The answer given in this run. A yes stays; a no is consumed, and a retry asks again."""
    run = UUID(flow_run.get_id())
    async with get_client() as client:
        for way in ("suspended", "paused"):
            found = await client.filter_flow_run_input(run, f"{way}-{word}-", limit=_MOST_ANSWERS, exclude_keys=set())
            for given in found:
                if given.key.endswith("-response"):
                    form = ApprovalForm.model_validate(given.decoded_value)
                    if not form.approve:
                        await client.delete_flow_run_input(run, given.key)
                    return Answer(form.approve, form.credits, form.by)
    return None


async def _suspend(form: type[ApprovalForm], seconds: int, key: str) -> None:
    try:
        await asuspend_flow_run(wait_for_input=form, timeout=seconds, key=key)
    except httpx.HTTPStatusError as error:
        if error.response.status_code != _CONFLICT:
            raise
        # The API went away after it had taken the question.
        raise Pause(state=Suspended(timeout_seconds=seconds, pause_key=key)) from None


async def _pause(form: type[ApprovalForm], seconds: int, key: str) -> bool:
    """Wait until the run is resumed; True when the time is over."""
    end = time.monotonic() + seconds
    try:
        await apause_flow_run(wait_for_input=form, timeout=seconds, key=key, poll_interval=_LOOK_AGAIN)
    except FlowPauseTimeout:
        return True
    except httpx.HTTPError:
        # The API was away. Whether the run is paused, it says itself.
        while await patiently(_is_paused):
            if time.monotonic() > end:
                return True
            await asyncio.sleep(_LOOK_AGAIN)
    return False


async def _is_paused() -> bool:
    async with get_client() as client:
        state = (await client.read_flow_run(UUID(flow_run.get_id()))).state
    return state is not None and state.is_paused()


@contextlib.asynccontextmanager
async def _answered(silence: Answer | None, *, after: float) -> AsyncIterator[None]:
    """When the time is over, fill in the form ourselves: Prefect would fail the run."""

    async def resume(given: Answer) -> None:
        async with get_client() as client:
            await client.resume_flow_run(UUID(flow_run.get_id()), run_input=asdict(given))

    async def answer(given: Answer) -> None:
        await asyncio.sleep(after)
        with contextlib.suppress(httpx.HTTPStatusError):  # a person was quicker
            await patiently(lambda: resume(given))

    waiting = asyncio.create_task(answer(silence)) if silence is not None else None
    try:
        yield
    finally:
        if waiting is not None:
            waiting.cancel()


async def _at_terminal(question: Question) -> Answer | None:
    """Ask the person at the terminal; only y or yes is a yes."""
    text = f"{question.text}\n\nSpend up to {question.credits} credits in this run? [y/N] "
    print(text, end="", file=sys.stderr, flush=True)  # noqa: T201 - a question at a terminal
    loop = asyncio.get_running_loop()
    line: asyncio.Future[str] = loop.create_future()

    def take(typed: str) -> None:
        if not line.done():
            line.set_result(typed)

    def read() -> None:
        typed = sys.stdin.readline()
        with contextlib.suppress(RuntimeError):  # the run has ended
            loop.call_soon_threadsafe(take, typed)

    # A daemon thread, so that Ctrl-C ends the run while it waits for input.
    threading.Thread(target=read, daemon=True, name="question").start()
    try:
        async with asyncio.timeout(question.seconds):
            yes = (await line).strip().lower() in {"y", "yes"}
    except TimeoutError:
        return question.silence
    return Answer(approve=yes, credits=question.credits, by="the person at the terminal")
