"""The plan as a value, and as a table: what a run would do and cost, shot by shot.

The states of a shot: `current` as described; `stale` made from an older input but usable; `missing` not there; `blocked` not
there and waiting for another shot; `in doubt` when an attempt for it may have been charged; `under way` when a task for it
was accepted. All amounts are whole credits.
"""

from __future__ import annotations

from typing import Literal

from longtake import tables
from longtake.catalog import OldRate
from longtake.frozen import Frozen
from longtake.ledger import Budget, BudgetRefusal, Used
from longtake.plan.changes import Change
from longtake.plan.status import Status
from longtake.storyboard import Downstream

_COLUMNS = ("shot", "state", "to buy", "expected", "reserve")
_WIDTH = 80
MOST_ROWS = 40
"""Rows of a plan as a table, unless all are asked for."""


class PlannedShot(Frozen):
    """One line of a plan."""

    shot: str
    scene: str
    id: str
    state: Status
    chain: int
    """Number of its chain, from 1."""
    continues: str | None
    model: str
    resolution: str
    seconds: int | None
    """None where the provider chooses the length."""
    takes: int
    used: int | None
    """The number of the kept take that is used, as far as is known."""
    to_buy: int
    """Takes that a run would buy."""
    expected: int
    reserve: int
    planning_rate: bool
    """The price is only for planning: the provider has published none."""
    reasons: tuple[Change, ...] = ()
    """Why it is not current: what changed, from what to what."""
    pinned_to: str | None = None
    """The kept shot after it, to whose first frame a new take is pinned."""
    no_bridge: str | None = None
    """Why a new take cannot be pinned to the kept shot after it."""
    attempt: str | None = None
    """The attempt in doubt or under way."""
    waits: str | None = None
    """Why a missing shot that continues it is bought only when its clip is kept; None where its last frame is enough."""


class PlannedTake(Frozen):
    """One take that a run would buy. Amounts in credits; 0 where another shot of the plan pays for the same take."""

    shot: str
    """The shot's id."""
    take: int
    name: str
    """Its fingerprint, or where that is not known yet something that is the same for the same take."""
    description: str | None
    """The digest of its request without the frame it starts from; None where an input given as a URL was never read."""
    expected: int
    reserve: int


class Plan(Frozen):
    """What a run would do. Amounts in credits, lengths in seconds of film."""

    film: str
    title: str
    shots: tuple[PlannedShot, ...]
    removed: tuple[str, ...]
    """Shots that the last run had and the storyboard has not; their takes stay in the store."""
    downstream: Downstream
    downstream_prices: dict[Downstream, int]
    """Expected credits of the run for each choice of what becomes of the shots after a retake."""
    joined: Literal["there", "to join", "not whole"]
    """Whether the film of exactly these takes is there; a run joins it as soon as all shots are."""
    expected: int
    reserve: int
    budget: Budget
    used: Used
    """What the ledgers in the store already hold against each budget: settled, reserved and in doubt."""
    refusals: tuple[BudgetRefusal, ...] = ()
    """The budgets that the missing takes exceed; a run would refuse, or ask a person if it is set to."""
    seconds: float
    frames: int
    chains: int
    longest_chain: int
    """Shots that have to be made one after another."""
    longest_chain_seconds: int
    in_doubt: tuple[str, ...]
    planning_rates: bool
    notes: tuple[str, ...] = ()
    """What a person should know: a balance that differs from the ledger, trims that make a chain jump, deliverables."""
    old_rates: tuple[OldRate, ...] = ()
    """Of each model of which takes would be bought, the oldest rate used, if it was seen longer ago than the catalog allows."""
    purchases: tuple[PlannedTake, ...] = ()
    """The takes that a run would buy, in film order."""
    board_digest: str = ""
    """SHA-256 of the storyboard's text."""
    digest: str = ""
    """What names it, 32 hex digits: another storyboard, take to buy or price is another digest (`Studio.make(expect=…)`).

    So it is where an earlier agreement to the same takes can no longer be used: its credits were lost, the key was replaced, or it
    is too old."""

    @property
    def fits(self) -> bool:
        """Whether the missing takes fit into every budget."""
        return self.budget.allows(self.reserve, self.used)

    def shown(self, most: int | None = MOST_ROWS) -> list[PlannedShot]:
        """The shots in a table of at most `most` rows: all of them if they fit, else those that are not current."""
        if most is None or len(self.shots) <= most:
            return list(self.shots)
        return [one for one in self.shots if one.state != "current" or one.to_buy][:most]

    def waiting(self) -> list[str]:
        """Why chains wait for clips: a line for each reason, with the number of shots."""
        reasons = [shot.waits for shot in self.shots if shot.waits is not None]
        return [
            f"{reasons.count(why)} {'shot is' if reasons.count(why) == 1 else 'shots are'} continued only when kept: {why}"
            for why in dict.fromkeys(reasons)
        ]

    def __str__(self) -> str:
        head = tables.shortened(f"{self.title}: {self._summary()}", _WIDTH)
        lines = tables.text(_COLUMNS, [*self._rows(), self._total()], numbers=3, width=_WIDTH)
        return "\n".join([head, *lines, *(tables.shortened(note, _WIDTH) for note in self._notes())])

    def _repr_html_(self) -> str:
        title = f"{self.title}: {self._summary()}"
        return tables.html(title, _COLUMNS, self._rows(), numbers=3, total=self._total(), notes=self._notes())

    def _summary(self) -> str:
        takes = sum(shot.to_buy for shot in self.shots)
        return (
            f"{len(self.shots)} shots, {takes} {'take' if takes == 1 else 'takes'} to buy, {self.seconds:.1f} s of film"
        )

    def _rows(self) -> list[tuple[str, str, str, str, str]]:
        """One row for each shown shot, and one that counts the others."""
        shown = self.shown()
        rows: list[tuple[str, str, str, str, str]] = [
            (
                one.shot,
                one.state,
                str(one.to_buy) if one.to_buy else "",
                f"{one.expected}{'*' if one.planning_rate else ''}" if one.to_buy else "",
                str(one.reserve) if one.to_buy else "",
            )
            for one in shown
        ]
        more = len(self.shots) - len(shown)
        return [*rows, (f"and {more} more", "", "", "", "")] if more else rows

    def _total(self) -> tuple[str, str, str, str, str]:
        takes = sum(shot.to_buy for shot in self.shots)
        return ("sum", "", str(takes), str(self.expected), str(self.reserve))

    def _notes(self) -> list[str]:
        notes = []
        if self.budget.film is not None:
            notes.append(f"budget: {self.budget.film} credits, {self.used.film} used so far")
        notes += [
            f"this does not fit: the {one.scope} budget of {one.budget} credits has {one.available} left"
            for one in self.refusals
        ]
        if self.planning_rates:
            notes.append("* planning rate: the provider has not published a price for this model")
        notes += [str(rate) for rate in self.old_rates]
        notes += self.notes
        notes += self.waiting()
        if self.in_doubt:
            notes.append(f"in doubt: {', '.join(self.in_doubt)}")
        return notes
