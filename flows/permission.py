"""Whether a run may spend what it wants: the caps say so first, and then a person where one is to be asked."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from prefect import get_run_logger

from flows import gates, showing
from flows.comparing import books_of
from longtake import plan as plans
from longtake import report
from longtake.errors import BudgetError, LongtakeError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from flows.shooting import Shot
    from longtake.plan import Comparison, Plan
    from longtake.storyboard import Approval
    from longtake.take import Session

__all__ = ["ask_for_the_rest", "permitted"]


async def permitted(session: Session, plan: Plan, approval: Approval) -> None:
    """See that the caps allow the whole plan, and that a person does where one is to be asked.

    Raises:
        BudgetError: they do not; nothing was sent.
    """
    state = await asyncio.to_thread(session.book.read)
    credits = state.used(run=session.run) + plan.reserve

    async def afford() -> None:
        await asyncio.to_thread(
            session.book.afford, session.caps, film=session.film, run=session.run, credits=plan.reserve
        )

    try:
        await afford()
    except BudgetError as error:
        cap = session.settings.run_cap
        in_vain = error.scope == "day" or (cap is not None and credits > cap)
        if in_vain or "more than the budget" not in approval.before:
            showing.refused(session, error)
            raise
        about = f"what is missing does not fit: {error.message}."
        text = gates.question(plan, rows=plan.shots, credits=credits, about=about)
        await gates.ask(session, approval, "more than the budget", credits=credits, text=text)
        await afford()
        return
    if plan.reserve and "spending" in approval.before:
        text = gates.question(plan, rows=plan.shots, credits=credits, about="this is what is missing.")
        await gates.ask(session, approval, "spending", credits=credits, text=text)
        await afford()


async def ask_for_the_rest(
    session: Session, comparison: Comparison, approval: Approval, made: Mapping[str, Shot]
) -> None:
    """Ask after the first takes of each chain; where that is refused, nothing more is bought in this run.

    Args:
        session: the run's.
        comparison: the storyboard against what is kept.
        approval: how to ask.
        made: the first shots of the chains.
    """
    plan = plans.of(comparison, await asyncio.to_thread(books_of, session))
    rest = [row for row in plan.shots if row.id not in made]
    if session.halted is not None or not any(row.reserve for row in rest):
        return
    state = await asyncio.to_thread(session.book.read)
    credits = state.used(run=session.run) + sum(row.reserve for row in rest)
    about = "the first takes of each chain are there; this is the rest."
    text = gates.question(plan, rows=rest, credits=credits, about=about)
    pictures = await _pictures(session, made.values())
    try:
        await gates.ask(session, approval, "the rest", credits=credits, text=text, pictures=pictures)
    except BudgetError as error:
        session.halted = session.refused = error


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
    return showing.picture("first takes", sheet, url=None)
