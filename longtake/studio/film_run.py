"""The story of a film: compare, ask, shoot, concatenate, account.

Chains run side by side; a shot waits only for the shot it continues. A failed shot blocks only its dependents, and everything
paid for is kept: the next run buys only what is missing.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

from longtake import film as films
from longtake import plan as plans
from longtake import preflight, report
from longtake.assets import read_inputs
from longtake.errors import BudgetError, FilmIncompleteError, LongtakeError, StoreError
from longtake.observer import Part
from longtake.studio.approval import agreed, approve_plan, approve_rest, check_approver
from longtake.studio.comparison import check_hosting, compare
from longtake.studio.concatenation import concatenated
from longtake.studio.first_takes import first_takes
from longtake.studio.leaving import keep_left_over, leave_snapshot
from longtake.studio.lineage import reported
from longtake.studio.shooting import MadeShot, shoot, still_used
from longtake.studio.summary import FilmResult, balance_patience, lacks, name_paid_tasks, report_cancelled, summarize
from longtake.take import decide

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
    from contextlib import AbstractContextManager

    from longtake.observer import PartName
    from longtake.plan import Agreement, Comparison, Plan
    from longtake.report import ShotOutcome
    from longtake.request import Resolved
    from longtake.storyboard import Approval, Downstream
    from longtake.studio.approval import Approver
    from longtake.studio.film import Film
    from longtake.studio.steps import ClipStep
    from longtake.take import Session


_LAST_WORDS = 4.0
"""Seconds a cancelled run takes to report what it leaves open: a worker kills what is not gone in half a minute."""


Dispatch: TypeAlias = "Callable[[Session, Comparison, Downstream | None], Awaitable[LongtakeError | None]]"


@dataclass(frozen=True)
class FilmRequest:
    """What a run of a film should do.

    Attributes:
        resolved: the storyboard with the catalog's rules applied.
        retake: ids of shots that get a new take although they have one.
        downstream: what happens to the shots after those; None as the storyboard says.
        approval: whether a person is asked; None as the storyboard says.
        approver: asks a person.
        dispatch: has other runs make the missing shots and waits for them; returns the error that names what they did not make.
        links: more links for the page, by name.
        steps: the user's own steps, in order.
        expect: the digest of the plan that may be bought; None buys whatever is missing.
    """

    resolved: Resolved
    retake: Sequence[str] = ()
    downstream: Downstream | None = None
    approval: Approval | None = None
    approver: Approver | None = None
    dispatch: Dispatch | None = None
    links: Mapping[str, str] = field(default_factory=dict)
    steps: tuple[ClipStep, ...] = ()
    expect: str | None = None


async def film_of(session: Session, asked: FilmRequest) -> Film:
    """Make a film.

    Raises:
        StoryboardError, SettingsError: bad input; nothing was sent.
        PreflightError: this machine could not process what it would buy; nothing was sent.
        BudgetError: what is missing does not fit a budget, or was not approved; nothing was sent for it.
        PlanChangedError: what is missing is not what the expected plan would buy; nothing was sent for it.
        FilmIncompleteError: shots are missing; names them, the reasons and the price, and carries the film.
    """
    with _part(session, "film", asked):
        async with reported(session, asked.resolved) as made:
            try:
                film, incomplete = await _make(session, asked)
            except asyncio.CancelledError:
                with contextlib.suppress(LongtakeError, TimeoutError):
                    async with asyncio.timeout(_LAST_WORDS):
                        await report_cancelled(session, asked.links)
                raise
            except StoreError as error:
                name_paid_tasks(session, error)
                raise
            made.append(film)
            if isinstance(incomplete, FilmIncompleteError):
                incomplete.film = film
            if incomplete is not None:
                raise incomplete
            return film


def _part(session: Session, name: PartName, asked: FilmRequest) -> AbstractContextManager[None]:
    return session.events.observer.within(Part(name, session.film, {"title": asked.resolved.loaded.board.title}))


async def scenes_of(session: Session, asked: FilmRequest, shots: Sequence[str]) -> list[ShotOutcome]:
    """Make complete chains of a film and leave them in the store; the run that dispatched them concatenates.

    Args:
        session: opened with the run that pays and its budgets.
        asked: with the whole storyboard.
        shots: ids of the shots to make.

    Raises:
        FilmIncompleteError: some shots are missing; says which and why.
    """
    comparison, plan = await _compare(session, asked)
    if preflight.needed(plan, shots) or (asked.steps and asked.resolved.loaded.board.retakes):
        await asyncio.to_thread(
            preflight.check, session.store, catalog=session.catalog, resolved=asked.resolved, plan=plan, only=shots
        )
    with _part(session, "scenes", asked):
        made = await shoot(session, comparison.running(), only=set(shots), steps=asked.steps)
    outcomes = [made[name].outcome for name in shots]
    rest = plans.of(comparison, plans.LedgerView()).shots
    missing = {one.shot.id for one in outcomes if one.take is None or one.error is not None}
    would_cost = sum(row.reserve for row in rest if row.id in missing)
    if (incomplete := report.incomplete(outcomes, would_cost=would_cost, unjoined=None)) is not None:
        raise incomplete
    return outcomes


async def _make(session: Session, asked: FilmRequest) -> tuple[Film, LongtakeError | None]:
    resolved = asked.resolved
    approval = asked.approval or resolved.loaded.board.approval
    check_approver(approval, asked.approver)
    await read_inputs(session.assets, resolved)
    # Refunds free their budget when the balance shows them: look before the plan is judged.
    await session.account.see_refunds(session.store)
    comparison, plan = await _compare(session, asked, asked.retake)
    plan, agreement = await _held_to(session, plan, asked.expect)
    await asyncio.to_thread(check_hosting, session, comparison)
    # A step may refuse kept takes, and then retakes are bought.
    if preflight.needed(plan) or (asked.steps and resolved.loaded.board.retakes):
        await asyncio.to_thread(preflight.check, session.store, catalog=session.catalog, resolved=resolved, plan=plan)
        await asyncio.to_thread(films.check_marking, films.marked_as(session.settings, resolved.loaded.board.marking))
    state = await asyncio.to_thread(session.ledger.read)
    # A run that resumes after a pause or a crash also accounts for what it bought before.
    # The films of a set share one run: what it bought for others is not this film's.
    head = 0 if state.used(run=session.run).run and state.used(film=session.film).film else state.head
    try:
        comparison, plan = await approved_plan(session, asked, comparison, plan)
    except BudgetError as error:
        if not any(shot.state == "under way" for shot in plan.shots):
            raise
        # Takes bought before are still fetched and kept; nothing more is bought.
        session.spending.halted = session.spending.refused = error
    await _write_down(session, plan, agreement)
    session.events.event(
        "film.started",
        shots=len(plan.shots),
        to_buy=sum(shot.to_buy for shot in plan.shots),
        planned=plan.expected,
        reserve=plan.reserve,
    )
    heads = {shot.id for shot in resolved.shots if shot.parent is None}
    in_steps = "the rest" in approval.before
    if asked.retake or approval.before:
        # Up to here retakes were only planned, so that a refused one leaves no trace; a review may have decided more meanwhile.
        comparison, _ = await _compare(session, asked)
    await decide_retakes(session, comparison, asked.retake, only=heads if in_steps else None)
    # The first quiet reading of the balance opens the account; a key that does not work ends the run here.
    await session.account.balance(session.store, patience=balance_patience(plan))
    made: dict[str, MadeShot] = {}
    if in_steps:
        made = await first_takes(session, comparison, asked.steps)
        _, rest = await _compare(session, asked, asked.retake)
        await approve_rest(session, rest, approval, asked.approver, made)
        # While a person looked at the first takes, a review may have chosen others, or asked for retakes.
        comparison, _ = await _compare(session, asked)
        made = still_used(comparison, made, again=session.spending.halted is None)
        await decide_retakes(session, comparison, asked.retake)
    if asked.dispatch is not None and session.spending.halted is None:
        comparison = await _dispatched(session, comparison, asked)
        # A shot that failed in this run may have been made by another.
        made = {}
    made = await shoot(session, comparison.running(), made=made, steps=asked.steps)
    outcomes = [made[shot.id].outcome for shot in resolved.shots]
    refused = (
        {one.shot for one in comparison.retake(asked.retake, run=session.run)} if session.spending.halted else set()
    )
    outcomes = _with_refused(outcomes, refused, session.spending.halted)
    left = await keep_left_over(session, comparison)
    sums = await leave_snapshot(session, comparison, outcomes)
    joined, unjoined = await concatenated(session, resolved, outcomes)
    if refused:
        comparison, _ = await _compare(session, asked, asked.retake)
    would_cost = plans.of(comparison, plans.LedgerView()).reserve if lacks(outcomes) else 0
    result = FilmResult(plan, outcomes, joined, unjoined, head=head, would_cost=would_cost, sums=sums, notes=left)
    return await summarize(session, result, asked.links)


async def _compare(session: Session, asked: FilmRequest, retake: Sequence[str] = ()) -> tuple[Comparison, Plan]:
    names = [step.name for step in asked.steps]
    return await compare(session, asked.resolved, asked.downstream, retake, steps=names)


async def _held_to(session: Session, plan: Plan, expect: str | None) -> tuple[Plan, Agreement | None]:
    """Hold the run to the plan of a digest, if one is expected; return the agreement, and the plan with its current digest."""
    if expect is None:
        return plan, None
    plan = await asyncio.to_thread(plans.in_force, plan, session.store, session.ledger.log)
    return plan, await agreed(session, plan, expect)


async def _write_down(session: Session, plan: Plan, agreement: Agreement | None) -> None:
    """Record the agreement, or hold the run to the one that another run recorded first, perhaps with another key."""
    if agreement is None:
        return
    stands = await asyncio.to_thread(plans.write_agreement, session.store, agreement)
    if stands != agreement:
        plan = await asyncio.to_thread(plans.in_force, plan, session.store, session.ledger.log)
        stands.check(plan, session.ledger.account)


async def approved_plan(
    session: Session, asked: FilmRequest, comparison: Comparison, plan: Plan
) -> tuple[Comparison, Plan]:
    """Approve the plan; return it, or the remaining plan if another run has bought a part meanwhile.

    What that run bought counts against the same budgets, so a plan that is older than its purchases would count them twice.

    Raises:
        BudgetError: a budget does not allow it, or it was not approved; nothing was sent.
    """
    approval = asked.approval or asked.resolved.loaded.board.approval
    while True:
        try:
            await approve_plan(session, plan, approval, asked.approver)
        except BudgetError:
            before = plan.reserve
            comparison, plan = await _compare(session, asked, asked.retake)
            # A person who was asked has answered, so the answer stands.
            if approval.before or plan.reserve >= before:
                raise
        else:
            return comparison, plan


async def decide_retakes(
    session: Session, comparison: Comparison, retake: Sequence[str], *, only: Collection[str] | None = None
) -> None:
    """Record which shots get a new take, unless nothing is bought in this run."""
    while session.spending.halted is None:
        wanted = [one for one in comparison.retake(retake, run=session.run) if only is None or one.shot in only]
        if not wanted:
            return
        for revision in wanted:
            await decide(session.store, comparison, revision)


def _with_refused(
    outcomes: Sequence[ShotOutcome], refused: Collection[str], error: LongtakeError | None
) -> list[ShotOutcome]:
    """The outcomes; a shot that keeps its old take because the new one was refused carries the refusal."""
    return [replace(one, error=error) if one.shot.id in refused and one.error is None else one for one in outcomes]


async def _dispatched(session: Session, comparison: Comparison, asked: FilmRequest) -> Comparison:
    """Have other runs make the scenes, then compare the film again. If they failed, nothing more is bought."""
    failed: LongtakeError | None = None
    if asked.dispatch is not None:
        try:
            failed = await asked.dispatch(session, comparison, asked.downstream)
        except LongtakeError as error:
            failed = error
    comparison, rest = await _compare(session, asked)
    if failed is not None:
        session.spending.halted = failed
        try:
            await asyncio.to_thread(session.spending.check, session.ledger, rest.reserve)
        except BudgetError as error:
            session.spending.halted = session.spending.refused = error
    return comparison
