"""Gates: a run asks a person before it spends, and what is approved becomes its budget."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

from prefect import get_run_logger
from prefect.settings import get_current_settings

from longtake.errors import BudgetError, SettingsError
from longtake.prefect.approval.questions import Answer, Subject, at_prefect, at_terminal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longtake.plan import Plan, PlannedShot
    from longtake.storyboard import Approval
    from longtake.take import Session

__all__ = ["ask", "can_ask", "question"]

_MOST_ROWS = 30


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
    """Ask whether this run may cost so many credits in all; what is approved becomes the run's budget.

    A yes is for the whole run, also when it is replayed: then nobody is asked again.

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
    # More than the budget is never spent by silence, nor more than a person has approved before.
    silence = None
    if approval.silence == "go on" and subject != "more than the budget":
        most = credits if session.budget.run is None else min(credits, session.budget.run)
        silence = Answer(approve=True, credits=most, by=f"silence, after {approval.hours:g} hours")
    if _temporary():
        answer = await at_terminal(text, credits, seconds=approval.hours * 3600, silence=silence)
    else:
        page = "\n\n".join([text, *pictures])
        seconds = int(approval.hours * 3600)
        answer = await at_prefect(session, subject, credits, text=text, page=page, seconds=seconds, silence=silence)
    by = f" by {answer.by}" if answer is not None and answer.by else ""
    if answer is None or not answer.approve:
        reason = "nobody answered in time" if answer is None else f"spending {credits} credits was not approved{by}"
        raise BudgetError(
            reason,
            scope="run",
            budget=0,
            needed=credits,
            available=0,
            next_step="run again to be asked again; what is bought is kept, and nothing was spent for what was not approved",
        )
    log.info("approved%s: up to %d credits in this run", by, answer.credits)
    await asyncio.to_thread(session.approve, answer.credits, lift=subject == "more than the budget")


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
    if plan.budget.film is not None:
        lines += ["", f"The film's budget is {plan.budget.film} credits, {plan.used.film} of it used."]
    if plan.planning_rates:
        lines += ["", "The price is a planning rate: the provider has not published one."]
    return "\n".join(lines)


def _temporary() -> bool:
    """Whether Prefect's API is one that lives as long as this process, where nobody sees a form."""
    return get_current_settings().api.url is None
