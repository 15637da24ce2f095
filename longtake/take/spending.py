"""What one run of one film may spend, and what stopped it.

Plans, approvals and each claim in the ledger ask `Spending.budget`, so they give the same answer.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from longtake.errors import BudgetError, PlanChangedError
from longtake.ledger import Budget
from longtake.ledger.budget import UsedElsewhere

if TYPE_CHECKING:
    from collections.abc import Mapping

    from longtake.errors import LongtakeError
    from longtake.ledger import Attempt, Ledger, Purchase, Used
    from longtake.plan import Agreement


@dataclass(frozen=True, slots=True)
class SetTag:
    """What a film's purchases are marked with: the set that the film belongs to, and labels.

    Attributes:
        name: the set's slug; empty for a film alone.
        labels: what the accounts may sum its purchases by, as pairs in the order of their names.
        budget: credits that all films of the set may cost together; None for no limit.
    """

    name: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    budget: int | None = None

    def labeled(self, *labels: Mapping[str, str]) -> SetTag:
        """Return the same tag with these labels; of a name that is there twice the later one counts."""
        merged = {name: value for each in labels for name, value in each.items()}
        return replace(self, labels=tuple(sorted(merged.items())))


@dataclass(eq=False)
class Spending:
    """The budget of a run, which approvals change.

    Attributes:
        film: the film's slug.
        tag: the film set that the film belongs to, and its labels.
        run: an id of the run.
        fixed: what no approval lifts: the budgets of the settings for a run and a day, and what an agreement reserves.
        base: the budget that approvals start from: of the film, the set and the run, or as a person lifted it.
        elsewhere: what other ledgers hold against the budgets: of the film under other keys, and all of the same key.
        foreign: open attempts of other keys of this provider, by fingerprint: after a change of key they still hold their takes.
        halted: the error that stopped further purchases, or None; tasks in flight go on.
        refused: the refusal of a budget that was reported.
        agreement: what was agreed to with the digest of a plan; nothing else is bought. None where anything may be.
    """

    film: str
    run: str
    fixed: Budget
    base: Budget
    tag: SetTag = SetTag()
    elsewhere: UsedElsewhere = field(default_factory=UsedElsewhere)
    foreign: dict[str, tuple[str, Attempt]] = field(default_factory=dict)
    halted: LongtakeError | None = None
    refused: LongtakeError | None = None
    agreement: Agreement | None = None
    budget: Budget = field(init=False)
    """The budget in force."""
    _over: LongtakeError | None = field(default=None, init=False)
    """`halted`, where a purchase was refused and not the plan, and no question was left out for it."""

    def __post_init__(self) -> None:
        self.budget = self.base

    def halt(self, error: LongtakeError) -> None:
        """Buy nothing more after a purchase was refused; the first error counts."""
        if self.halted is None:
            self.halted = self._over = error

    def standing(self, ledger: Ledger) -> LongtakeError | None:
        """Return what stops purchases now: a budget that a purchase did not fit into does so until there is room for it.

        A task that costs less than it reserved, or a refund, makes room; a plan or an approval that was refused stays refused.

        Raises:
            StoreError: the store is away.
        """
        error = self.halted
        if (
            isinstance(error, BudgetError)
            and error is self._over
            and self.budget.allows(error.needed, self.used(ledger))
        ):
            self.halted = self.refused = self._over = None
        return self.halted

    def stands_for_good(self, ledger: Ledger) -> bool:
        """Whether purchases are stopped now; if so, they are for the rest of the run, whatever room there is later.

        A run that is stopped is not asked about, so nothing may be bought in it after the question was left out.

        Raises:
            StoreError: the store is away.
        """
        stopped = self.standing(ledger) is not None
        self._over = None
        return stopped

    def used(self, ledger: Ledger) -> Used:
        """What counts against the budget now.

        Raises:
            StoreError: the store is away.
        """
        return ledger.used(film=self.film, run=self.run, film_set=self.tag.name, elsewhere=self.elsewhere)

    def check(self, ledger: Ledger, credits: int, budget: Budget | None = None) -> None:
        """Raise unless `credits` more fit under `budget`, which is the budget in force by default.

        Raises:
            BudgetError: they do not fit; names the budget that refuses.
            StoreError: the store is away.
        """
        try:
            (budget or self.budget).check(credits, self.used(ledger))
        except BudgetError as error:
            if (
                self.agreement is not None
                and (error.scope, error.budget) == ("run", self.agreement.reserve)
                and not error.refunds
            ):
                # A larger budget would not help: a take that was written off is used up of what was agreed to.
                error.next_step = "plan again, look at the price, and run with the new digest"
            raise

    def hold_to(self, agreement: Agreement) -> None:
        """Buy only what was agreed to, and in all for no more than was agreed to, whatever is approved later."""
        most = Budget(run=agreement.reserve)
        self.agreement, self.fixed = agreement, self.fixed.within(most)
        self.base, self.budget = self.base.within(most), self.budget.within(most)

    def not_agreed(self, order: Purchase) -> PlanChangedError | None:
        """The error for a take that the plan which was agreed to does not have; None where it may be bought."""
        if self.agreement is None or self.agreement.allows(order):
            return None
        return PlanChangedError(
            f"{order.label} is not in plan {self.agreement.digest}, so it is not bought",
            next_step="plan again, look at the price, and run with the new digest; nothing was sent for it",
        )

    def approve(self, ledger: Ledger, credits: int, *, lift: bool = False) -> None:
        """Let the run cost `credits` in all, what it has spent included, as a person approved.

        What is `fixed` stays. So do the budgets of the film and of the run, unless the person was asked about them (`lift`).

        Raises:
            StoreError: the store is away.
        """
        self.budget = self.base.approve(credits, used=self.used(ledger), lift=lift, fixed=self.fixed)
        if lift:
            self.base = self.budget
