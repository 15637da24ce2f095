"""Gates: a run asks a person before it spends, in Prefect's own way.

A run of a deployment is suspended: its worker is free, and on resume the flow begins again and comes to the same place, because
all it knows lies in the store and the ledger. A local run, and one that goes on by itself when nobody answers, is paused and keeps
its process. Where Prefect is only a temporary server, the question is put at the terminal.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import sys
import threading
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

from prefect import get_run_logger
from prefect.artifacts import acreate_markdown_artifact
from prefect.client.orchestration import get_client
from prefect.exceptions import FlowPauseTimeout
from prefect.flow_runs import apause_flow_run, asuspend_flow_run
from prefect.input import RunInput
from prefect.input.actions import aread_flow_run_input
from prefect.input.run_input import keyset_from_base_key
from prefect.runtime import deployment, flow_run
from prefect.settings import get_current_settings
from pydantic import Field

from flows import showing
from longtake.errors import BudgetError, SettingsError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from longtake.plan import Plan, PlannedShot
    from longtake.storyboard import Approval
    from longtake.take import Session

__all__ = ["Answer", "ask", "can_ask", "question"]

_LOOK_AGAIN = 5
"""Seconds between two looks at whether a paused run was resumed."""
_GRACE = 3600
"""Seconds by which Prefect waits longer than we do: it fails a run whose time is over, and we want to go on."""

_MOST_ROWS = 30

Subject = Literal["spending", "the rest", "more than the budget"]


class Answer(RunInput):
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


def can_ask(approval: Approval) -> None:
    """See that somebody can be asked, before anything else is done.

    Raises:
        SettingsError: the run asks, and there is neither a Prefect server nor a terminal to ask at.
    """
    if approval.before and _temporary() and not sys.stdin.isatty():
        raise SettingsError(
            "this run asks before it spends, and there is nobody to ask: no Prefect server and no terminal",
            next_step="set PREFECT_API_URL to a server, run it at a terminal, or remove `before` from the storyboard's `approval`",
        )


async def ask(
    session: Session, approval: Approval, subject: Subject, *, credits: int, text: str, pictures: Sequence[str] = ()
) -> None:
    """Ask whether this run may cost so many credits in all; what is approved becomes the run's cap.

    It is asked once in a run, also when the run is replayed: then the answer given before is taken.

    Args:
        session: the run's.
        approval: how long to wait, and what silence means.
        subject: what it is about; one question each in a run.
        credits: what the run would cost in all.
        text: what the person sees, Markdown.
        pictures: Markdown too, which the question's page shows and its form does not.

    Raises:
        BudgetError: it was not approved, or nobody answered and silence means that.
    """
    log = get_run_logger()
    log.info("asking whether this run may cost %d credits (%s)", credits, subject)
    if _temporary():
        answer: Answer | None = await _at_terminal(text, credits)
    else:
        page = "\n\n".join([text, *pictures])
        answer = await _at_prefect(session, approval, subject, credits, text=text, page=page)
    by = f" by {answer.by}" if answer is not None and answer.by else ""
    if answer is None or not answer.approve:
        reason = "nobody answered in time" if answer is None else f"spending {credits} credits was not approved{by}"
        raise BudgetError(
            reason,
            scope="run",
            cap=0,
            needed=credits,
            available=0,
            next_step="run again to be asked again; what is bought is kept, and nothing was spent for what was not approved",
        )
    log.info("approved%s: up to %d credits in this run", by, answer.credits)
    session.approve(answer.credits, lift_film=subject == "more than the budget")


def question(plan: Plan, *, rows: Sequence[PlannedShot], credits: int, about: str) -> str:
    """What a person is asked, in Markdown: what would be bought, scene by scene, and its price.

    Args:
        plan: of the film.
        rows: the shots it is about.
        credits: what the run would cost in all.
        about: the first sentence, plain text of ours.
    """
    scenes: dict[str, list[PlannedShot]] = {}
    for row in rows:
        if row.to_buy:
            scenes.setdefault(row.scene, []).append(row)
    takes, expected, reserve = (sum(getattr(row, name) for row in rows) for name in ("to_buy", "expected", "reserve"))
    lines = [
        f"**{plan.film}**: {about}",
        "",
        f"{takes} takes for **{expected} credits** expected, {reserve} reserved (1 credit = $0.001).",
        "",
        f"This run would cost up to **{credits} credits** in all.",
        "",
        "| scene | takes | credits | shots |",
        "|---|---:|---:|---|",
    ]
    for scene, bought in list(scenes.items())[:_MOST_ROWS]:
        named = ", ".join(f"{row.id} ({row.state})" for row in bought[:_MOST_ROWS])
        more = f" and {len(bought) - _MOST_ROWS} more" if len(bought) > _MOST_ROWS else ""
        lines.append(
            f"| {scene} | {sum(r.to_buy for r in bought)} | {sum(r.expected for r in bought)} | {named}{more} |"
        )
    if len(scenes) > _MOST_ROWS:
        lines.append(f"| and {len(scenes) - _MOST_ROWS} more scenes | | | |")
    if plan.budget is not None:
        lines += ["", f"The film's budget is {plan.budget} credits, {plan.spent} of it used."]
    if plan.planning_rates:
        lines += ["", "The price is a planning rate: the provider has not published one."]
    return "\n".join(lines)


def _temporary() -> bool:
    """Whether Prefect's API is one that lives as long as this process, where nobody sees a form."""
    return get_current_settings().api.url is None


async def _at_prefect(
    session: Session, approval: Approval, subject: Subject, credits: int, *, text: str, page: str
) -> Answer | None:
    form = Answer.with_initial_data(description=text, approve=False, credits=credits, by="")
    seconds = int(approval.hours * 3600)
    # More than the budget is never spent by silence.
    goes_on = approval.silence == "go on" and subject != "more than the budget"
    suspends = deployment.id is not None and not goes_on
    word = subject.replace(" ", "-")
    for number in itertools.count():
        # A run that was killed while it waited comes back to a question that was put and never answered: it is put again.
        key = word if number == 0 else f"{word}-{number}"
        base = f"{'suspended' if suspends else 'paused'}-{key}"
        if (found := await _said(base)) is not None:
            return found
        showing.event(
            "approval.wanted", film=session.film, account=session.book.account, subject=subject, credits=credits
        )
        await showing.harmless(
            acreate_markdown_artifact(
                page, key=f"{session.film}-question", description=f"A question about {session.film}"
            )
        )
        if suspends:
            await asuspend_flow_run(wait_for_input=form, timeout=seconds, key=key)
        else:
            try:
                async with _answered_by_silence(seconds, credits, goes_on=goes_on):
                    await apause_flow_run(
                        wait_for_input=form, timeout=seconds + goes_on * _GRACE, key=key, poll_interval=_LOOK_AGAIN
                    )
            except FlowPauseTimeout:
                return None
        if (found := await _said(base)) is not None:
            return found
    raise AssertionError("there is always another key")


async def _said(base: str) -> Answer | None:
    """The answer kept under a key, None while there is none."""
    found: Any = await aread_flow_run_input(keyset_from_base_key(base)["response"], flow_run_id=UUID(flow_run.get_id()))
    return None if found is None else Answer.model_validate(found)


@contextlib.asynccontextmanager
async def _answered_by_silence(seconds: int, credits: int, *, goes_on: bool) -> AsyncIterator[None]:
    """When the time is over, answer in the form ourselves: Prefect would fail the run."""

    async def answer() -> None:
        await asyncio.sleep(seconds)
        async with get_client() as client:
            given = {"approve": True, "credits": credits, "by": f"silence, after {seconds / 3600:g} hours"}
            await client.resume_flow_run(UUID(flow_run.get_id()), run_input=given)

    waiting = asyncio.create_task(answer()) if goes_on else None
    try:
        yield
    finally:
        if waiting is not None:
            waiting.cancel()


async def _at_terminal(text: str, credits: int) -> Answer:
    """Put the question to who sits at the terminal; nothing but y or yes is one."""
    print(f"{text}\n\nSpend up to {credits} credits in this run? [y/N] ", end="", file=sys.stderr, flush=True)  # noqa: T201
    loop = asyncio.get_running_loop()
    line: asyncio.Future[str] = loop.create_future()

    def read() -> None:
        found = sys.stdin.readline()
        with contextlib.suppress(RuntimeError, asyncio.InvalidStateError):  # the run has ended
            loop.call_soon_threadsafe(line.set_result, found)

    # Nobody waits for this thread: Ctrl-C ends the run though nothing was typed.
    threading.Thread(target=read, daemon=True, name="question").start()
    yes = (await line).strip().lower() in {"y", "yes"}
    return Answer(approve=yes, credits=credits, by="who sits at the terminal")
