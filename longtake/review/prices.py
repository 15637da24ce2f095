"""What a retake would cost, for each choice of what becomes of the shots after it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

from longtake import plan as plans
from longtake.errors import SettingsError
from longtake.storyboard import Downstream

if TYPE_CHECKING:
    from longtake.ledger import Budget
    from longtake.library import Revision
    from longtake.plan import Comparison, LedgerView


@dataclass(frozen=True, slots=True)
class RetakePrice:
    """The price of a retake.

    Attributes:
        downstream: what becomes of the shots after it.
        expected: what the next run costs more, in credits; None where it cannot be done this way.
        reserve: the most that it may cost more.
        fits: whether everything that the next run would buy then fits into the budgets.
        why: why it cannot be done this way.
    """

    downstream: Downstream
    expected: int | None
    reserve: int = 0
    fits: bool = False
    why: str = ""


def retake_prices(comparison: Comparison, books: LedgerView, budget: Budget, shot: str) -> tuple[RetakePrice, ...]:
    """The prices of a retake of one shot, by the plan that a run after it would have.

    Raises:
        SettingsError: there is no such shot.
    """
    comparison.named(shot)
    before = plans.of(comparison, books, budget)
    found = []
    for downstream in get_args(Downstream):
        try:
            wanted = wanted_retake(comparison, shot, downstream)
        except SettingsError as error:
            found.append(RetakePrice(downstream, None, why=error.message))
            continue
        # Supposed, as in a plan: nothing is recorded, and it is taken back.
        decided = comparison.take_library.revisions
        comparison.take_library.revisions = {name: list(some) for name, some in decided.items()}
        comparison.take_library.decide(wanted)
        after = plans.of(comparison, books, budget)
        comparison.take_library.revisions = decided
        more = (after.expected - before.expected, after.reserve - before.reserve)
        found.append(RetakePrice(downstream, *more, fits=after.fits))
    return tuple(found)


def wanted_retake(
    comparison: Comparison, shot: str, downstream: Downstream, *, run: str = "", by: str = ""
) -> Revision:
    """The decision to retake one shot.

    Raises:
        SettingsError: there is no such shot, it cannot be retaken this way, or the next run buys it anyway.
    """
    wanted = comparison.with_downstream(downstream).retake([shot], run=run)
    if not wanted:
        raise SettingsError(f"the next run buys a take of {shot} anyway", next_step="run the storyboard")
    return wanted[0].model_copy(update={"by": by})
