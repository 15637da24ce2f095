"""The outcome of every shot in a run, the credits spent, and the error that summarizes the missing shots."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from longtake.errors import FilmIncompleteError, LongtakeError, TaskIdNotRecordedError, TransientError
from longtake.frozen import Frozen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longtake.ledger import LedgerState
    from longtake.library import Take
    from longtake.request import ResolvedShot

_NAMED = 12
"""Reasons in the message of an incomplete run."""

OutcomeStatus = Literal["current", "bought", "stale", "failed", "blocked", "in doubt"]


@dataclass(frozen=True, slots=True)
class ShotOutcome:
    """The outcome of one shot in a run: the take used, all kept takes, and the error that prevented others."""

    shot: ResolvedShot
    state: OutcomeStatus
    take: Take | None = None
    takes: tuple[Take, ...] = ()
    error: LongtakeError | None = None
    seconds: float = 0.0
    """Wall-clock seconds the run spent on it."""
    why: str = ""
    """Why it is stale."""

    def answer(self) -> dict[str, Any]:
        """Return plain values: one element of `shots` in `longtake run --json`."""
        return {
            "id": self.shot.id,
            "state": self.state,
            "take": self.take.take if self.take else None,
            "task_id": self.take.task_id if self.take else None,
            "credits": sum(t.credits for t in self.takes),
            "error": self.error.message if self.error else None,
        }


class Money(Frozen):
    """A run's credits. `planned` is what the plan expected it to buy; `in_doubt` is the film's, the others this run's."""

    planned: int
    charged: int
    refunded: int
    in_doubt: int
    reserved: int = 0


def money_of(state: LedgerState, closed: Sequence[Any], *, run: str, film: str, planned: int) -> Money:
    """Sum up what one run of a film spent, from open and closed attempts; doubts are those of the entire film."""
    # The films of a set share one run.
    mine = [a for a in state.attempts.values() if a.order.run == run and a.order.film == film]
    done = [c for c in closed if c.order.run == run and c.order.film == film]
    doubts = {"in_doubt", "held"}
    return Money(
        planned=planned,
        charged=sum(c.charged for c in done) + sum(a.charge for a in mine if a.phase == "completed"),
        refunded=sum(c.refunded for c in done),
        in_doubt=sum(a.money for a in state.attempts.values() if a.order.film == film and a.phase in doubts),
        reserved=sum(a.money for a in mine if a.phase not in doubts and a.phase != "completed"),
    )


def incomplete(
    outcomes: Sequence[ShotOutcome], *, would_cost: int, unjoined: LongtakeError | None
) -> LongtakeError | None:
    """The error that sums up an incomplete run; None if nothing is missing.

    A second take that failed for good is a note, not an error, because the shot has another; one that the next run can still
    fetch or buy is missing. The exit code is that of the gravest reason: in doubt, then budget, then failed.
    """
    missing = [o for o in outcomes if o.take is None]
    reasons = [o for o in missing if o.error is not None]
    reasons += [o for o in outcomes if o.take is not None and o.error is not None and _counts(o.error)]
    if not missing and not reasons:
        return unjoined
    # What is paid for and nowhere written down is named in full.
    reasons.sort(key=lambda o: not isinstance(o.error, TaskIdNotRecordedError))
    named = max(_NAMED, sum(isinstance(o.error, TaskIdNotRecordedError) for o in reasons))
    blocked = sum(o.state == "blocked" for o in outcomes)
    lines = [f"{o.shot.label}: {o.error}" for o in reasons[:named]]
    if len(reasons) > len(lines):
        lines.append(f"and {len(reasons) - len(lines)} more")
    if blocked:
        lines.append("1 shot waits for one of these" if blocked == 1 else f"{blocked} shots wait for one of these")
    said = (
        f"{len(missing)} of {len(outcomes)} shots are missing ({would_cost} credits to buy)"
        if missing
        else f"the film is complete, but {len(reasons)} of its extra takes are missing ({would_cost} credits to buy)"
    )
    error = FilmIncompleteError(
        said + "\n  " + "\n  ".join(lines), missing=tuple(o.shot.label for o in missing), would_cost=would_cost
    )
    codes = [o.error.exit_code for o in reasons if o.error is not None]
    error.exit_code = min(codes, key=(4, 3, 1, 2).index, default=1)
    if error.exit_code == 2 and any(o.state == "bought" for o in outcomes):
        # Exit code 2 promises that nothing was bought, so a key that is revoked halfway is a failure.
        error.exit_code = 1
    return error


def _counts(error: LongtakeError) -> bool:
    """Whether an extra take that is missing for this reason is an error of the run."""
    return isinstance(error, TransientError) or error.exit_code in {3, 4}
