"""Whether a run may spend what it wants: the budgets say so first, and then a person where one is to be asked."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from prefect import get_run_logger

from longtake import report
from longtake.errors import BudgetError, LongtakeError
from longtake.prefect import artifacts
from longtake.prefect.approval import gates

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from longtake.ledger import Budget
    from longtake.plan import Plan
    from longtake.prefect.shooting import Shot
    from longtake.storyboard import Approval
    from longtake.take import Session

__all__ = ["ask_for_the_rest", "permitted"]


async def permitted(session: Session, plan: Plan, approval: Approval) -> None:
    """See that the budgets allow the whole plan, and that a person does where one is to be asked.

    Who allows less than was asked for gets what fits: each claim is checked against the budgets again.

    Raises:
        BudgetError: they do not; nothing was sent.
    """
    state = await asyncio.to_thread(session.book.read)
    spent = state.used(run=session.run)
    credits = spent + plan.reserve
    try:
        await _afford(session, session.budget, plan.reserve)
    except BudgetError as error:
        if "more than the budget" in approval.before:
            # What nobody may lift here refuses without a question.
            await _afford(session, session.fixed, plan.reserve)
            about = f"what is missing does not fit: {error.message}."
            text = gates.question(plan, rows=plan.shots, credits=credits, about=about)
            await gates.ask(session, approval, "more than the budget", credits=credits, text=text)
            return
        artifacts.refused(session, error)
        raise
    if "spending" not in approval.before:
        return
    if plan.reserve:
        text = gates.question(plan, rows=plan.shots, credits=credits, about="this is what is missing.")
        await gates.ask(session, approval, "spending", credits=credits, text=text)
    else:
        # Nothing is to be bought. What fails of what is under way is not bought again unasked.
        await asyncio.to_thread(session.approve, spent)


async def ask_for_the_rest(session: Session, plan: Plan, approval: Approval, made: Mapping[str, Shot]) -> None:
    """Ask after the first takes of each chain; where that is refused, nothing more is bought in this run.

    Args:
        session: the run's.
        plan: what is missing now.
        approval: how to ask.
        made: the first shots of the chains.
    """
    if session.halted is not None:
        return
    rest = [row for row in plan.shots if row.id not in made]
    reserve = sum(row.reserve for row in rest)
    state = await asyncio.to_thread(session.book.read)
    spent = state.used(run=session.run)
    if not reserve:
        await asyncio.to_thread(session.approve, spent)
        return
    try:
        await _afford(session, session.budget, reserve)
        about = "the first takes of each chain are there; this is the rest."
        text = gates.question(plan, rows=rest, credits=spent + reserve, about=about)
        pictures = await _pictures(session, made.values())
        await gates.ask(session, approval, "the rest", credits=spent + reserve, text=text, pictures=pictures)
    except BudgetError as error:
        session.halted = session.refused = error


async def _afford(session: Session, budget: Budget, credits: int) -> None:
    used = await asyncio.to_thread(session.book.used, film=session.film, run=session.run, elsewhere=session.elsewhere)
    budget.check(credits, used)


async def _pictures(session: Session, made: Iterable[Shot]) -> list[str]:
    """The takes that are there, as Markdown; a question can be answered without."""
    there = [(one.outcome.take, one.outcome.shot.label) for one in made if one.outcome.take is not None]
    if not there:
        return []
    takes, labels = [take for take, _ in there], [label for _, label in there]
    try:
        sheet = await asyncio.to_thread(report.contact_sheet, takes, session.store, labels=labels)
    except LongtakeError as error:
        get_run_logger().warning("no pictures for the question: %s", error.message)
        return []
    return artifacts.picture("first takes", sheet, url=None)
