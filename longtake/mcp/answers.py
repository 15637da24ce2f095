"""What the tools answer: values that a client gets as structured content, with a schema. Amounts are whole credits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from longtake.frozen import Frozen

if TYPE_CHECKING:
    from longtake.errors import LongtakeError
    from longtake.ledger.accounts import SpendLine
    from longtake.plan import Agreement, Plan, PlannedShot
    from longtake.storyboard import Problem
    from longtake.studio import Film

MOST_ROWS = 40
"""Shots that an answer names; `more` counts the others."""


class BoardFinding(Frozen):
    """A mistake in a storyboard. Line and column count from 1."""

    file: str
    line: int
    column: int
    shot: str | None
    message: str
    allowed: str


class Validation(Frozen):
    """Whether a storyboard can be planned. `seconds` is the film's length, 0 where there are findings."""

    ok: bool
    title: str
    shots: int
    seconds: float
    findings: tuple[BoardFinding, ...]


class ShotRow(Frozen):
    """How a shot stands and what a run would buy for it."""

    shot: str
    state: str
    why: str
    takes_to_buy: int
    expected: int
    reserve: int


class PlanAnswer(Frozen):
    """What a run would buy, for how much, and the digest to give to `make` or `retake`.

    `reserve` is the most it may cost and what the budget must hold; `expected` is what it should cost (1 credit = $0.001).
    """

    digest: str
    film: str
    title: str
    seconds: float
    takes_to_buy: int
    expected: int
    reserve: int
    fits_budgets: bool
    refusals: tuple[str, ...]
    shots: tuple[ShotRow, ...]
    more: int
    notes: tuple[str, ...]
    next_step: str


class Failure(Frozen):
    """Why something is missing."""

    kind: str
    message: str
    next_step: str
    exit_code: int


class MadeShotRow(Frozen):
    """What became of a shot."""

    shot: str
    state: str
    take: int | None
    error: str | None


class MakeAnswer(Frozen):
    """A film as a call left it. The credits are those of all calls with this digest; `bought` counts the takes of this call."""

    film: str
    title: str
    digest: str
    whole: bool
    bought: int
    charged: int
    refunded: int
    reserved: int
    in_doubt: int
    would_cost: int
    place: str | None
    manifest: str | None
    resources: tuple[str, ...]
    shots: tuple[MadeShotRow, ...]
    more: int
    notes: tuple[str, ...]
    error: Failure | None


class RetakeAnswer(Frozen):
    """The price of a retake, or what buying it gave."""

    price: PlanAnswer | None = None
    made: MakeAnswer | None = None


class AgreementAnswer(Frozen):
    """What became of the plan that was agreed to with a digest. `used` is what counts against its reserve."""

    digest: str
    agreed_at: str
    by: str
    takes: int
    takes_to_buy: int
    reserve: int
    used: int


class StatusAnswer(Frozen):
    """How a film stands. `running` says whether this server makes it now."""

    film: str
    title: str
    running: bool
    states: dict[str, int]
    takes_to_buy: int
    expected: int
    used: int
    open_attempts: tuple[str, ...]
    joined: Literal["there", "to join", "not whole"]
    resources: tuple[str, ...]
    agreement: AgreementAnswer | None
    notes: tuple[str, ...]


class Explanation(Frozen):
    """What a shot's state or an error means, and what to do."""

    subject: str
    text: str
    next_step: str


class CreditLine(Frozen):
    """Where credits went: a film, or a shot of one."""

    film: str
    shot: str
    attempts: int
    settled: int
    refunded: int
    reserved: int
    in_doubt: int
    written_off: int


class CreditsAnswer(Frozen):
    """The account's credits by film, or those of one film by shot."""

    lines: tuple[CreditLine, ...]
    more: int
    total: CreditLine


def finding_of(problem: Problem) -> BoardFinding:
    """A problem of a storyboard as a finding."""
    return BoardFinding(
        file=problem.file,
        line=problem.line,
        column=problem.column,
        shot=problem.shot,
        message=problem.message,
        allowed=problem.allowed,
    )


def row_of(shot: PlannedShot) -> ShotRow:
    """A line of a plan."""
    said = [str(reason) for reason in shot.reasons]
    said += [f"waits for {shot.continues}"] if shot.state == "blocked" else []
    said += [f"attempt {shot.attempt}"] if shot.attempt is not None else []
    said += [f"pinned to {shot.pinned_to}, which stays"] if shot.pinned_to is not None else []
    return ShotRow(
        shot=shot.shot,
        state=shot.state,
        why="; ".join(said),
        takes_to_buy=shot.to_buy,
        expected=shot.expected,
        reserve=shot.reserve,
    )


def plan_answer(plan: Plan, *, then: str) -> PlanAnswer:
    """A plan; `then` names the tool that buys it."""
    takes = sum(shot.to_buy for shot in plan.shots)
    shown = plan.shown(MOST_ROWS)
    notes = (*plan.notes, *plan.waiting(), *map(str, plan.old_rates))
    if plan.planning_rates:
        notes += ("the price is a planning rate: the provider has published none",)
    if plan.in_doubt:
        notes += (f"in doubt: {', '.join(plan.in_doubt)}; a person settles that with `longtake credits`",)
    buy = f"show the price to a person, then call `{then}` with this digest and a budget of {plan.reserve} or more"
    return PlanAnswer(
        digest=plan.digest,
        film=plan.film,
        title=plan.title,
        seconds=round(plan.seconds, 2),
        takes_to_buy=takes,
        expected=plan.expected,
        reserve=plan.reserve,
        fits_budgets=plan.fits,
        refusals=tuple(
            f"the {one.scope} budget of {one.budget} has {one.available} left, {one.needed} are needed"
            for one in plan.refusals
        ),
        shots=tuple(map(row_of, shown)),
        more=len(plan.shots) - len(shown),
        notes=notes,
        next_step=buy if takes else f"nothing would be bought; `{then}` with this digest joins the film",
    )


def make_answer(film: Film, digest: str, *, bought: int, error: LongtakeError | None) -> MakeAnswer:
    """A film after a run, with the error that summarizes the missing shots."""
    rows = [
        MadeShotRow(shot=one.label, state=one.state, take=one.take.take if one.take else None, error=one.error)
        for one in film.shots.values()
    ]
    told = [row for row in rows if row.error is not None or row.state != "current"] if len(rows) > MOST_ROWS else rows
    return MakeAnswer(
        film=film.name,
        title=film.title,
        digest=digest,
        whole=film.place is not None,
        bought=bought,
        charged=film.cost.charged,
        refunded=film.cost.refunded,
        reserved=film.cost.reserved,
        in_doubt=film.cost.in_doubt,
        would_cost=film.would_cost,
        place=film.place,
        manifest=film.manifest,
        resources=resources_of(film.name) if film.place is not None else (),
        shots=tuple(told[:MOST_ROWS]),
        more=len(rows) - len(told[:MOST_ROWS]),
        notes=film.notes,
        error=failure_of(error) if error is not None else None,
    )


def failure_of(error: LongtakeError) -> Failure:
    """An error as a value."""
    return Failure(
        kind=type(error).__name__, message=error.message, next_step=error.next_step, exit_code=error.exit_code
    )


def agreement_answer(agreement: Agreement, plan: Plan, used: int) -> AgreementAnswer:
    """What became of an agreement, by the plan of now."""
    agreed = {(one.shot, one.take) for one in agreement.takes}
    return AgreementAnswer(
        digest=agreement.digest,
        agreed_at=agreement.at.isoformat(timespec="seconds"),
        by=agreement.by,
        takes=len(agreement.takes),
        takes_to_buy=sum((one.shot, one.take) in agreed for one in plan.purchases),
        reserve=agreement.reserve,
        used=used,
    )


def credit_line(line: SpendLine) -> CreditLine:
    """A line of the accounts."""
    known: dict[str, Any] = {name: getattr(line, name) for name in CreditLine.model_fields}
    known["shot"] = f"{line.scene}/{line.shot}" if line.shot else ""
    return CreditLine(**known)


def resources_of(film: str) -> tuple[str, ...]:
    """The resources of a film that is joined."""
    return (f"longtake://films/{film}/manifest", f"longtake://films/{film}/report")
