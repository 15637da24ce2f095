"""The folded log: open attempts, and sums of closed ones, which keep the state small however long the log is."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from longtake.ledger import owner
from longtake.ledger.attempt import DOUBTS, Attempt, Closed
from longtake.ledger.budget import Used
from longtake.ledger.readings import Check, Refund
from longtake.ledger.throttle import SubmitPace

if TYPE_CHECKING:
    from longtake.ledger.purchase import Purchase


class RunTotal(BaseModel):
    """Credits spent by a run, kept while the run may still count against a budget."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    spent: int = 0
    last: datetime


class LedgerState(BaseModel):
    """Everything a decision needs. Made by `fold.apply` alone; `head` is the last entry folded in."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    head: int = 0
    attempts: dict[str, Attempt] = Field(default_factory=dict)
    closed: list[Closed] = Field(default_factory=list)
    tries: dict[str, int] = Field(default_factory=dict)
    """Attempts so far per fingerprint whose take is not settled."""
    films: dict[str, int] = Field(default_factory=dict)
    """Credits spent for good, per film."""
    sets: dict[str, int] = Field(default_factory=dict)
    """Credits spent for good, per film set."""
    days: dict[str, int] = Field(default_factory=dict)
    """Credits spent for good, per UTC day of the intent."""
    runs: dict[str, RunTotal] = Field(default_factory=dict)
    debits: int = 0
    refunds: int = 0
    adjustments: int = 0
    opening: int | None = None
    """The balance before the first debit, as derived from the first quiet reading; None until there is one."""
    checked: Check | None = None
    agreed: Check | None = None
    """The last comparison without drift: a drift is younger than this."""
    offset: int = 0
    """Credits by which the balance was off at the last reading and that is not explained yet."""
    unproven: list[Refund] = Field(default_factory=list)
    """Refunds that are promised and that no reading of the balance has shown: they count as used."""
    missing: list[Refund] = Field(default_factory=list)
    """Refunds that were owed and not in the balance when it was last read."""
    barrier: int | None = None
    barrier_until: datetime | None = None
    barrier_by: str = ""
    """The process that raised it."""
    last_intent: int = 0
    pace: SubmitPace = SubmitPace()
    """How fast the account was asked, and whether it was too fast."""
    today: str = ""
    lost: list[int] = Field(default_factory=list)
    """Places of lost entries that are not settled yet: what they bought is unknown, so nothing is bought."""
    blind: bool = False
    """Whether an entry was lost since the last reading of the balance: that cannot tell about doubts before the next."""

    @property
    def expected_balance(self) -> int | None:
        """Opening balance − debits + refunds + adjustments, doubts taken as not charged; None before the first reading."""
        return None if self.opening is None else self.opening - self.debits + self.refunds + self.adjustments

    def find(self, fingerprint: str) -> Attempt | None:
        """The open attempt for a take. If a late answer after a wrong verdict left several, the one that got furthest."""
        found = [a for a in self.attempts.values() if a.order.fingerprint == fingerprint]
        rank = {"completed": 0, "accepted": 1, "failed": 2, "intent": 3, "in_doubt": 4, "held": 5}
        return min(found, key=lambda a: (rank[a.phase], a.sequence), default=None)

    def held(self, *, film: str | None = None) -> int:
        """Credits that open attempts hold back, of a film or of all."""
        return sum(a.money for a in self.attempts.values() if film is None or a.order.film == film)

    def used(self, *, film: str = "", run: str = "", day: str = "", film_set: str = "") -> Used:
        """Credits spent, reserved, in doubt or not seen to be refunded: by a film, a film set, a run, and by all on a UTC day."""
        today = date.fromisoformat(day) if day else None
        found = {
            "film": self.films.get(film, 0),
            "set": self.sets.get(film_set, 0),
            "run": self.runs[run].spent if run in self.runs else 0,
            "day": self.days.get(day, 0),
        }
        # One pass for all scopes: a thousand attempts may be open.
        for attempt in self.attempts.values():
            money = attempt.money
            found["film"] += money * (attempt.order.film == film)
            found["set"] += money * bool(film_set and attempt.order.set == film_set)
            found["run"] += money * (attempt.order.run == run)
            found["day"] += money * (attempt.at.date() == today)
        due = dict.fromkeys(found, 0)
        for refund, unproven in (*((r, True) for r in self.unproven), *((r, False) for r in self.missing)):
            order = refund.order
            scopes = {
                "film": order.film == film,
                "set": bool(film_set and order.set == film_set),
                "run": order.run == run,
                "day": refund.day == day,
            }
            for scope, counts in scopes.items():
                due[scope] += refund.credits * counts
                # Those that are missing are counted as spent.
                found[scope] += refund.credits * (counts and unproven)
        return Used(**found, refunds={scope: credits for scope, credits in due.items() if credits})

    def at_work(self) -> bool:
        """Whether POSTs or tasks are under way: until they end, the balance shows no refund."""
        return any(a.phase in {"intent", "accepted", "failed"} for a in self.attempts.values())

    def settled(self) -> bool:
        """Whether nothing is open whose credits may still come or go."""
        return not (self.attempts or self.lost or self.unproven or self.missing)

    def doubts(self) -> list[Attempt]:
        """Attempts that may have been charged, oldest first."""
        return sorted((a for a in self.attempts.values() if a.phase in DOUBTS), key=lambda a: a.sequence)

    def barred(self, now: datetime) -> bool:
        """True while no intent may be written: a barrier stands, and its process is not known to be dead."""
        stands = self.barrier is not None and self.barrier_until is not None and now < self.barrier_until
        return stands and not owner.is_dead(self.barrier_by)

    def copied(self) -> LedgerState:
        """A snapshot of the state.

        Its values are shared with the original, which is safe because the fold replaces values and never changes them.
        """
        own = {name: value.copy() for name, value in self if isinstance(value, dict | list)}
        return self.model_copy(update=own)

    def spend(self, order: Purchase, day: str, credits: int, at: datetime) -> None:
        """Book credits of an attempt that are spent for good, or with a minus come back."""
        self.films[order.film] = self.films.get(order.film, 0) + credits
        if order.set:
            self.sets[order.set] = self.sets.get(order.set, 0) + credits
        self.days[day] = self.days.get(day, 0) + credits
        run = self.runs.get(order.run) or RunTotal(last=at)
        self.runs[order.run] = RunTotal(spent=run.spent + credits, last=max(run.last, at))
