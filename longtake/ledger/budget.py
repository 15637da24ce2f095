"""What may be spent. Plans, approvals, dispatch and claims ask the same value, so that they give the same answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from longtake.errors import BudgetError
from longtake.frozen import Frozen

if TYPE_CHECKING:
    from collections.abc import Iterator

Scope = Literal["film", "set", "run", "day"]

_SCOPES: tuple[Scope, ...] = ("film", "set", "run", "day")


class Used(Frozen):
    """Credits that count against each budget: spent, reserved, in doubt and not seen to be refunded (`LedgerState.used`)."""

    film: int = 0
    """Of the film, over all runs and accounts."""
    set: int = 0
    """Of the account for the film set, over all its films and runs."""
    run: int = 0
    day: int = 0
    """Of the account on the current UTC day, over all films."""
    refunds: dict[Scope, int] = Field(default_factory=dict)
    """What of these are refunds that the balance has not shown, and that are free when it does."""

    def plus(self, *, film: int, film_set: int = 0, run: int = 0, day: int = 0) -> Used:
        """Count what other ledgers hold, too: for the film those of all accounts, for the rest those of the same key."""
        more = {"film": self.film + film, "set": self.set + film_set, "run": self.run + run, "day": self.day + day}
        return self.model_copy(update=more)


class UsedElsewhere(Frozen):
    """What other ledgers hold against the budgets of a run, as it found them at its start; in credits."""

    film: int = 0
    """Of the film, in the ledgers of all other accounts."""
    set: int = 0
    """Of the film set, in the other ledgers of the same key."""
    run: int = 0
    """Of the run, in the other ledgers of the same key."""
    days: dict[str, int] = Field(default_factory=dict)
    """Of a UTC day, in the other ledgers of the same key."""


class BudgetRefusal(Frozen):
    """A budget that a purchase does not fit into. All amounts in credits."""

    scope: Scope
    budget: int
    needed: int
    available: int
    refunds: int = 0
    """What is free as soon as the balance shows refunds that the provider owes."""

    @property
    def due(self) -> int:
        """The refunds that would make room for it; 0 where they would not be enough."""
        return self.refunds if self.needed <= self.available + self.refunds else 0

    def error(self, what: str) -> BudgetError:
        """Return the error to raise; `what` is the subject of its sentence."""
        due = f": {self.refunds} more wait for refunds that the balance has not shown" if self.refunds else ""
        return BudgetError(
            f"{what} needs {self.needed} credits and the {self.scope} budget of {self.budget} has {self.available} left{due}",
            next_step=(
                "run again when the provider has paid the refunds, since a run reads the balance first; `longtake credits` lists "
                "them, and `longtake credits resolve ATTEMPT --refunded` says that one has come"
                if self.due
                else ""
            ),
            refunds=self.due,
            scope=self.scope,
            budget=self.budget,
            needed=self.needed,
            available=self.available,
        )


class Budget(Frozen):
    """The most that may be spent, reserved and in doubt, in credits; None does not limit.

    Attributes:
        film: over all runs and accounts.
        set: by the account for all films of a set, over all runs.
        run: by one run, the scenes that it dispatches included.
        day: by the account in a UTC day, over all films and runs.
    """

    film: int | None = Field(default=None, ge=0)
    set: int | None = Field(default=None, ge=0)
    run: int | None = Field(default=None, ge=0)
    day: int | None = Field(default=None, ge=0)

    # -- questions -----------------------------------------------------------------------------------------------------

    def left(self, used: Used) -> int | None:
        """Return how many credits still fit under every budget, None when there is no budget."""
        return min((max(0, budget - taken) for _, budget, taken in self._against(used)), default=None)

    def refusals(self, credits: int, used: Used) -> tuple[BudgetRefusal, ...]:
        """Return the budgets that `credits` more do not fit into. Spending nothing fits even where a budget is passed already."""
        return tuple(
            BudgetRefusal(
                scope=scope,
                budget=budget,
                needed=credits,
                available=max(0, budget - taken),
                refunds=used.refunds.get(scope, 0),
            )
            for scope, budget, taken in self._against(used)
            if credits > 0 and taken + credits > budget
        )

    def allows(self, credits: int, used: Used) -> bool:
        """Return whether `credits` more fit under every budget."""
        return not self.refusals(credits, used)

    def check(self, credits: int, used: Used, what: str = "the film") -> None:
        """Raise unless `credits` more fit under every budget.

        Args:
            credits: the most that the purchase may cost.
            used: what counts against the budgets now.
            what: what is bought, for the message.

        Raises:
            BudgetError: they do not fit; names the first budget that refuses, one that waits for refunds last.
        """
        for refusal in sorted(self.refusals(credits, used), key=lambda one: one.due > 0):
            raise refusal.error(what)

    # -- other budgets -------------------------------------------------------------------------------------------------

    def within(self, other: Budget) -> Budget:
        """Return the lower of both budgets in each scope."""
        return Budget(**{scope: _lowest(getattr(self, scope), getattr(other, scope)) for scope in _SCOPES})

    def approve(self, credits: int, *, used: Used, lift: bool = False, fixed: Budget | None = None) -> Budget:
        """Return the budget of a run that a person lets cost `credits` in all.

        An approval lowers the budget of the run and changes no other. Only with `lift`, when the person was asked about more than
        the budget, does it replace the run's budget and make room in the film's: for what other runs used and this approval.

        Args:
            credits: for the whole run, what it has spent so far included.
            used: what counts against the budgets now.
            lift: whether the person was asked about the budgets of the film and the run.
            fixed: budgets that no approval lifts: the settings' for a run and a day. They hold for the run whatever was approved.
        """
        fixed = fixed if fixed is not None else Budget()
        if not lift:
            return self.within(Budget(run=credits)).within(fixed)
        room = used.film - used.run + credits
        film = None if self.film is None else max(self.film, room)
        return Budget(film=film, set=self.set, run=credits, day=self.day).within(fixed)

    def _against(self, used: Used) -> Iterator[tuple[Scope, int, int]]:
        """The scopes that have a budget, with the budget and what was used of it."""
        for scope in _SCOPES:
            budget = getattr(self, scope)
            if budget is not None:
                yield scope, budget, getattr(used, scope)


def _lowest(*budgets: int | None) -> int | None:
    return min((budget for budget in budgets if budget is not None), default=None)
