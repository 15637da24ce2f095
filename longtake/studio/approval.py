"""Decide whether a run may spend: budgets first, then a person where the storyboard or the run asks for one.

An approved amount becomes a budget of the run, and each claim is checked against it again: if the approver lowers the amount, the
run buys what fits under it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from longtake import library, report
from longtake import plan as plans
from longtake.errors import BudgetError, LongtakeError, PlanChangedError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from longtake.ledger import Budget
    from longtake.plan import Agreement, Plan, PlannedShot
    from longtake.storyboard import Approval
    from longtake.studio.shooting import MadeShot
    from longtake.take import Session

_MOST_ROWS = 30

_REST = (
    "the first takes of each chain are there; this is the rest. "
    "`longtake review` shows the takes, and what is decided there goes into this run."
)

Subject = Literal["spending", "the rest", "more than the budget"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person decided.

    Attributes:
        approve: whether the run may spend.
        credits: the most the whole run may cost, what it has spent included; None for the credits of the question.
        by: who decided, for the log.
    """

    approve: bool
    credits: int | None = None
    by: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """What a person is asked before credits are spent.

    Attributes:
        film: the film's slug.
        account: the ledger's account.
        subject: one question each in a run.
        credits: what the whole run would cost.
        text: what would be bought and its price, Markdown.
        pictures: Markdown with pictures, for a page; may be empty.
        seconds: how long to wait for an answer.
        silence: the answer to assume when none comes in time; None ends the run.
    """

    film: str
    account: str
    subject: Subject
    credits: int
    text: str
    pictures: tuple[str, ...]
    seconds: float
    silence: Answer | None


Approver = Callable[[Question], Awaitable[Answer | None]]
"""Asks a person; None after the deadline. An approval holds for the rest of the run and for its replays."""


def check_approver(approval: Approval, approver: Approver | None) -> None:
    """Check that a person can be asked, before anything else is done.

    Raises:
        SettingsError: the run asks and has no approver.
    """
    if approval.before and approver is None:
        raise SettingsError(
            "this run must ask before it spends, and no approver is set",
            next_step="give Studio.make an `approve` function, or remove `before` from the storyboard's `approval`",
        )


async def agreed(session: Session, plan: Plan, expect: str) -> Agreement:
    """Hold a run to the plan of a digest, and return its agreement, which must be recorded before any purchase.

    That plan is the one of now, or one that an earlier run with this digest began to buy and that has all that is missing now.

    Raises:
        PlanChangedError: it is neither; nothing was sent.
        StoreError: the store is away.
    """
    account = session.ledger.account
    agreement = await asyncio.to_thread(plans.read_agreement, session.store, session.film, expect)
    if agreement is None:
        if plan.digest != expect:
            raise PlanChangedError(
                f"plan {expect[:64]} is not the plan of now, which is {plan.digest} and reserves {plan.reserve} credits",
                digest=plan.digest,
            )
        agreement = plans.agreement_of(plan, account, by=session.settings.by)
    agreement.check(plan, account)
    session.spending.hold_to(agreement)
    return agreement


async def approve_plan(session: Session, plan: Plan, approval: Approval, approver: Approver | None) -> None:
    """Check that the budgets allow the whole plan, and ask a person if the run says so.

    Raises:
        BudgetError: a budget does not allow it, or it was not approved; nothing was sent.
    """
    stopped = session.spending.halted is not None
    if stopped and (not approval.before or await asyncio.to_thread(session.spending.stands_for_good, session.ledger)):
        return
    state = await asyncio.to_thread(session.ledger.read)
    spent = state.used(run=session.run).run
    credits = spent + plan.reserve
    try:
        await _check(session, plan.reserve)
    except BudgetError as error:
        if "more than the budget" in approval.before:
            # Budgets that an approval cannot raise refuse without a question.
            await _check(session, plan.reserve, session.spending.fixed)
            text = _text(plan, plan.shots, credits, about=f"what is missing does not fit: {error.message}.")
            await _ask(session, approval, approver, "more than the budget", credits=credits, text=text)
            return
        session.events.over_budget(error)
        raise
    if "spending" not in approval.before:
        return
    if plan.reserve:
        text = _text(plan, plan.shots, credits, about="this is what is missing.")
        await _ask(session, approval, approver, "spending", credits=credits, text=text)
    else:
        # Nothing is to be bought. If something in flight fails, it is not bought again without a question.
        await asyncio.to_thread(session.spending.approve, session.ledger, spent)


async def approve_rest(
    session: Session, plan: Plan, approval: Approval, approver: Approver | None, made: Mapping[str, MadeShot]
) -> None:
    """Ask after the first takes of each chain; without approval nothing more is bought in this run.

    Args:
        session: the run's.
        plan: what is missing now, first shots that failed included: they are bought again after a yes.
        approval: how to ask.
        approver: puts the question.
        made: the first shots of the chains.
    """
    if await asyncio.to_thread(session.spending.stands_for_good, session.ledger):
        return
    state = await asyncio.to_thread(session.ledger.read)
    spent = state.used(run=session.run).run
    if not plan.reserve:
        await asyncio.to_thread(session.spending.approve, session.ledger, spent)
        return
    try:
        await _check(session, plan.reserve)
        credits = spent + plan.reserve
        text = _text(plan, plan.shots, credits, about=_REST)
        pictures = await _pictures(session, made.values())
        await asyncio.to_thread(library.note_question, session.store, session.film, session.run)
        await _ask(session, approval, approver, "the rest", credits=credits, text=text, pictures=pictures)
    except BudgetError as error:
        session.spending.halted = session.spending.refused = error


async def _check(session: Session, credits: int, budget: Budget | None = None) -> None:
    """Raise unless `credits` fit under the budget in force, or would with refunds that tasks under way hide from the balance.

    Raises:
        BudgetError: they do not fit; names the budget that refuses.
    """
    try:
        await asyncio.to_thread(session.spending.check, session.ledger, credits, budget)
    except BudgetError as error:
        state = await asyncio.to_thread(session.ledger.read)
        if not (error.refunds and state.at_work()):
            raise
        # Each purchase is checked again, and waits for them.
        session.events.line(f"the budget has room for all of it only with {error.refunds} credits of refunds")


async def _ask(
    session: Session,
    approval: Approval,
    approver: Approver | None,
    subject: Subject,
    *,
    credits: int,
    text: str,
    pictures: Sequence[str] = (),
) -> None:
    """Ask whether this run may cost `credits` in total; the approved amount becomes the run's budget.

    Raises:
        BudgetError: it was not approved, or no answer came in time and silence means no.
    """
    session.events.line(f"asking whether this run may cost {credits} credits ({subject})")
    # Silence never spends more than the budget, nor more than a person approved before.
    silence = None
    if approval.silence == "go on" and subject != "more than the budget":
        most = credits if session.spending.budget.run is None else min(credits, session.spending.budget.run)
        silence = Answer(approve=True, credits=most, by=f"silence, after {approval.hours:g} hours")
    question = Question(
        film=session.film,
        account=session.ledger.account,
        subject=subject,
        credits=credits,
        text=text,
        pictures=tuple(pictures),
        seconds=approval.hours * 3600,
        silence=silence,
    )
    answer = await approver(question) if approver is not None else None
    by = f" by {answer.by}" if answer is not None and answer.by else ""
    if answer is None or not answer.approve:
        reason = "no answer came in time" if answer is None else f"spending {credits} credits was not approved{by}"
        raise BudgetError(
            reason,
            scope="run",
            budget=0,
            needed=credits,
            available=0,
            next_step="run again to be asked again; what is bought is kept, and nothing was spent for what was not approved",
        )
    most = credits if answer.credits is None else answer.credits
    session.events.line(f"approved{by}: up to {most} credits in this run")
    await asyncio.to_thread(session.spending.approve, session.ledger, most, lift=subject == "more than the budget")


def _text(plan: Plan, rows: Sequence[PlannedShot], credits: int, *, about: str) -> str:
    """Describe what would be bought, scene by scene, and its price, in Markdown. `about` is the first sentence."""
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


async def _pictures(session: Session, made: Iterable[MadeShot]) -> list[str]:
    """Show all kept takes of the first shots, as Markdown; empty if no picture can be read."""
    there = [
        (take, one.outcome.shot.label if len(one.outcome.takes) == 1 else f"{one.outcome.shot.label} {take.take}")
        for one in made
        for take in sorted(one.outcome.takes, key=lambda take: take.take)
    ]
    if not there:
        return []
    takes, labels = [take for take, _ in there], [label for _, label in there]
    try:
        sheet = await asyncio.to_thread(report.contact_sheet, takes, session.store, labels=labels)
    except LongtakeError as error:
        session.events.line(f"no pictures for the question: {error.message}", level=logging.WARNING)
        return []
    return report.picture("first takes", sheet, url=None)
