"""The fold: what the log says now. Totals are derived from entries, never stored next to them.

::

    intent ─▶ accepted ─▶ completed ─▶ settled
      │          └──────▶ failed ───▶ refunded
      ├─▶ refused | not_sent
      └─▶ in_doubt ─▶ held
            └───┴────▶ accepted (adopted) | not_charged | refunded | written_off

The state holds only what is open, and sums for what is closed, so that it does not grow with the log. Attempts that
closed since the last checkpoint are listed in `closed`; the checkpoints together list all of them (see `log.py`).
An entry that does not fit the attempt's state changes nothing: two processes may both report what they saw of a task.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from longtake.ledger import entries as e
from longtake.ledger import owner
from longtake.ledger.budget import Used
from longtake.ledger.readings import Check, Refund
from longtake.ledger.throttle import SubmitPace

CHECKPOINT_EVERY = 64
"""Entries between two checkpoints: the most a reader has to read one by one."""

RUN_MEMORY = timedelta(days=35)
"""A run without open attempts is forgotten (as a budget scope) this after its last entry; one that asks waits up to 30 days."""

Phase = Literal["intent", "accepted", "completed", "failed", "in_doubt", "held"]
AttemptOutcome = Literal[
    "settled", "refunded", "refused", "not_sent", "not_charged", "written_off", "refund_missing", "refund_found"
]

DOUBTS = frozenset({"in_doubt", "held"})


class Attempt(BaseModel):
    """An attempt whose money is not settled yet."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    id: str
    number: int
    order: e.Purchase
    owner: str
    at: datetime
    lease_until: datetime
    phase: Phase = "intent"
    since: datetime
    """When it came into this phase."""
    task_id: str | None = None
    credits: int | None = None
    """`usage.credits` once completed, where the provider said."""
    code: int | None = None
    reason: str = ""
    retryable: bool = False

    @property
    def money(self) -> int:
        """Credits this attempt holds back: its reserve until the charge is known."""
        return self.charge if self.phase == "completed" else self.order.reserve

    @property
    def charge(self) -> int:
        """Credits of a completed attempt: what the provider said, else the estimate."""
        return self.order.expected if self.credits is None else self.credits

    @property
    def sequence(self) -> int:
        """The place of its intent in the log."""
        return int(self.id[1:])


class Closed(BaseModel):
    """What became of an attempt, for the accounts. `refund_missing` and `refund_found` correct an earlier line."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    id: str
    number: int
    order: e.Purchase
    day: str
    outcome: AttemptOutcome
    charged: int = 0
    refunded: int = 0
    task_id: str | None = None
    reason: str = ""


class RunTotal(BaseModel):
    """Credits spent by a run, kept while the run may still count against a budget."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    spent: int = 0
    last: datetime


class LedgerState(BaseModel):
    """Everything a decision needs. Made by `apply` alone; `head` is the last entry folded in."""

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

    # -- questions ---------------------------------------------------------------------------------------------------

    @property
    def expected_balance(self) -> int | None:
        """Opening balance − debits + refunds + adjustments, doubts taken as not charged; None before the first reading."""
        return None if self.opening is None else self.opening - self.debits + self.refunds + self.adjustments

    def find(self, fingerprint: str) -> Attempt | None:
        """The open attempt for a take; of several (a late answer after a wrong verdict) the one that got furthest."""
        found = [a for a in self.attempts.values() if a.order.fingerprint == fingerprint]
        rank = {"completed": 0, "accepted": 1, "failed": 2, "intent": 3, "in_doubt": 4, "held": 5}
        return min(found, key=lambda a: (rank[a.phase], a.sequence), default=None)

    def held(self, *, film: str | None = None, day: str | None = None, run: str | None = None) -> int:
        """Credits held by open attempts within a scope."""
        return sum(
            a.money
            for a in self.attempts.values()
            if (film is None or a.order.film == film)
            and (day is None or day_of(a.at) == day)
            and (run is None or a.order.run == run)
        )

    def used(self, *, film: str | None = None, day: str | None = None, run: str | None = None) -> int:
        """Credits spent, reserved, in doubt or not seen to be refunded within one scope."""
        held = self.held(film=film, day=day, run=run) + sum(
            r.credits
            for r in self.unproven
            if (film is None or r.order.film == film)
            and (day is None or r.day == day)
            and (run is None or r.order.run == run)
        )
        if film is not None:
            return self.films.get(film, 0) + held
        if day is not None:
            return self.days.get(day, 0) + held
        if run is not None:
            return (self.runs[run].spent if run in self.runs else 0) + held
        return sum(self.films.values()) + held

    def used_by(self, *, film: str, run: str, day: str, film_set: str = "") -> Used:
        """Credits spent, reserved, in doubt or not seen to be refunded: by a film, a film set, a run, and by all on a UTC day."""
        today = date.fromisoformat(day)
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
        """A state that stays as it is now: what is inside is shared, because the fold replaces it and changes none of it."""
        own = {name: value.copy() for name, value in self if isinstance(value, dict | list)}
        return self.model_copy(update=own)

    # -- the fold ----------------------------------------------------------------------------------------------------

    def apply(self, sequence: int, entry: e.Entry) -> None:
        """Fold the entry at `sequence` in; entries come in order, without gaps."""
        if sequence != self.head + 1:
            raise AssertionError(f"entry {sequence} after {self.head}")
        if (sequence - 1) % CHECKPOINT_EVERY == 0:
            self.closed = []
        self.head = sequence
        self._forget_runs(entry.at)
        match entry:
            case e.Intent():
                self._intent(sequence, entry)
            case e.Barrier():
                self.barrier, self.barrier_until, self.barrier_by = sequence, entry.until, entry.by
            case e.Lifted():
                if entry.barrier == self.barrier:
                    self.barrier, self.barrier_until, self.barrier_by = None, None, ""
            case e.Balance():
                self._balance(sequence, entry)
            case e.Adjusted():
                self.adjustments += entry.credits
                self._explain(entry.credits)
            case e.Lost():
                self._lose(sequence, entry)
            case e.RefundMissing():
                self._miss(entry)
            case e.RefundFound():
                self._find(entry)
            case _:
                self._transition(entry)

    def _intent(self, sequence: int, entry: e.Intent) -> None:
        order = entry.order
        attempt = f"a{sequence}"
        self.last_intent = sequence
        self.pace = self.pace.sent(entry.at)
        self.attempts[attempt] = Attempt(
            id=attempt,
            number=entry.number,
            order=order,
            owner=entry.by,
            at=entry.at,
            lease_until=entry.lease_until,
            since=entry.at,
        )
        self.tries[order.fingerprint] = self.tries.get(order.fingerprint, 0) + 1

    def _lose(self, sequence: int, entry: e.Lost) -> None:
        """Whatever was open may be what the lost entry was about: a POST without an outcome is in doubt."""
        self.lost, self.blind = [*self.lost, sequence], True
        for known in list(self.attempts.values()):
            if known.phase == "intent":
                attempt = self.attempts[known.id] = known.model_copy()
                attempt.reason = f"entry {sequence} of the ledger is lost, which may have held its outcome"
                self._enter(attempt, "in_doubt", entry.at)

    def _fill_in(self, attempt: Attempt, entry: e.Entry) -> None:
        """What a later entry says of the lost ones before it: an ended attempt was accepted, a kept one was completed."""
        ended = isinstance(entry, e.Completed | e.Failed | e.Settled) or (
            isinstance(entry, e.Refunded) and entry.proof == "contract"
        )
        if ended and attempt.phase in {"intent", *DOUBTS}:
            self.debits += attempt.order.reserve
            self._enter(attempt, "accepted", entry.at)
        if isinstance(entry, e.Settled) and attempt.phase == "accepted":
            attempt.credits = entry.credits
            self.debits += attempt.charge - attempt.order.reserve
            self._enter(attempt, "completed", entry.at)
        if isinstance(entry, e.Refunded) and attempt.phase == "accepted":
            self._enter(attempt, "failed", entry.at)

    def _transition(self, entry: e.Entry) -> None:  # noqa: C901, PLR0912, PLR0915 - one table, read from top to bottom
        attempt = self.attempts.get(entry.attempt)  # type: ignore[union-attr]
        if attempt is None:
            if isinstance(entry, e.Accepted) and entry.order is not None:
                self._reopen(entry, entry.order)
            if isinstance(entry, e.NotCharged | e.WrittenOff):
                self.lost = [one for one in self.lost if entry.attempt != f"a{one}"]
            return
        attempt = self.attempts[attempt.id] = attempt.model_copy()
        if self.lost:
            self._fill_in(attempt, entry)
        match entry, attempt.phase:
            case e.Renewed(), "intent":
                attempt.lease_until = entry.lease_until
            case ((e.Accepted() | e.Adopted()), ("intent" | "in_doubt" | "held")):
                attempt.task_id = entry.task_id
                if isinstance(entry, e.Accepted):
                    self.pace = self.pace.accepted(intent=attempt.sequence)
                self.debits += attempt.order.reserve
                self._enter(attempt, "accepted", entry.at)
            case e.Adopted(), ("accepted" | "completed") if attempt.task_id is None:
                # Its acceptance was lost, and later entries name it: only the id is new.
                attempt.task_id = entry.task_id
            case e.InDoubt(), "intent":
                attempt.reason = entry.reason
                self._enter(attempt, "in_doubt", entry.at)
            case e.Held(), "in_doubt":
                attempt.reason = entry.why
                self._enter(attempt, "held", entry.at)
            case e.Completed(), "accepted":
                attempt.credits = entry.credits
                self.pace = self.pace.ended()
                self.debits += attempt.charge - attempt.order.reserve
                self._enter(attempt, "completed", entry.at)
            case e.Failed(), "accepted":
                attempt.code, attempt.reason, attempt.retryable = entry.code, entry.message, entry.retryable
                self.pace = self.pace.ended()
                self._enter(attempt, "failed", entry.at)
            case e.Refunded(), "failed":
                self.refunds += entry.credits
                if entry.proof == "contract":
                    self.unproven.append(
                        Refund(
                            attempt=attempt.id,
                            credits=entry.credits,
                            order=attempt.order,
                            day=day_of(attempt.at),
                            sequence=self.head,
                        )
                    )
                self._close(attempt, "refunded", entry.at, charged=attempt.order.reserve, refunded=entry.credits)
            case e.Refunded(), "held":
                # Charged and given back between two readings: both sides are booked so that the books show it.
                self.debits += entry.credits
                self.refunds += entry.credits
                self._close(attempt, "refunded", entry.at, charged=entry.credits, refunded=entry.credits)
            case e.Settled(), "completed":
                self.debits += entry.credits - attempt.charge
                self._close(attempt, "settled", entry.at, charged=entry.credits)
            case ((e.Refused() | e.NotSent()), ("intent" | "in_doubt")):
                attempt.reason = entry.message if isinstance(entry, e.Refused) else entry.reason
                if isinstance(entry, e.Refused):
                    self.pace = self.pace.refused(self.head, entry, intent=attempt.sequence)
                self._close(attempt, "refused" if isinstance(entry, e.Refused) else "not_sent", entry.at)
            case e.NotCharged(), ("in_doubt" | "held"):
                attempt.reason = entry.why
                self._close(attempt, "not_charged", entry.at)
            case e.WrittenOff(), ("in_doubt" | "held" | "accepted" | "completed"):
                if attempt.phase in DOUBTS:
                    self.debits += attempt.order.reserve
                attempt.reason = entry.why
                self._close(attempt, "written_off", entry.at, charged=attempt.money)
            case _:
                pass

    def _reopen(self, entry: e.Accepted, order: e.Purchase) -> None:
        sequence = int(entry.attempt[1:])
        self.attempts[entry.attempt] = Attempt(
            id=entry.attempt,
            number=0,
            order=order,
            owner=entry.by,
            at=entry.at,
            lease_until=entry.at,
            phase="accepted",
            since=entry.at,
            task_id=entry.task_id,
            reason=f"accepted after it had been closed (intent {sequence})",
        )
        self.debits += order.reserve

    @staticmethod
    def _enter(attempt: Attempt, phase: Phase, at: datetime) -> None:
        attempt.phase, attempt.since = phase, at

    def _close(
        self, attempt: Attempt, outcome: AttemptOutcome, at: datetime, *, charged: int = 0, refunded: int = 0
    ) -> None:
        del self.attempts[attempt.id]
        order, spent = attempt.order, charged - refunded
        day = day_of(attempt.at)
        self.closed.append(
            Closed(
                id=attempt.id,
                number=attempt.number,
                order=order,
                day=day,
                outcome=outcome,
                charged=charged,
                refunded=refunded,
                task_id=attempt.task_id,
                reason=attempt.reason,
            )
        )
        if outcome == "settled":
            self.tries.pop(order.fingerprint, None)
        if spent:
            self._spend(order, day, spent, at)

    def _spend(self, order: e.Purchase, day: str, credits: int, at: datetime) -> None:
        self.films[order.film] = self.films.get(order.film, 0) + credits
        if order.set:
            self.sets[order.set] = self.sets.get(order.set, 0) + credits
        self.days[day] = self.days.get(day, 0) + credits
        run = self.runs.get(order.run) or RunTotal(last=at)
        self.runs[order.run] = RunTotal(spent=run.spent + credits, last=max(run.last, at))

    def _balance(self, sequence: int, entry: e.Balance) -> None:
        before, offset = self.checked, self.offset
        if self.opening is None:
            self.opening = entry.balance + self.debits - self.refunds - self.adjustments
        expected = self.expected_balance
        assert expected is not None  # noqa: S101 - set above
        drift = entry.balance - expected
        self.checked = Check(sequence=sequence, at=entry.at, balance=entry.balance, drift=drift, others=entry.others)
        self.offset, self.blind = drift, False
        if not drift:
            self.agreed = self.checked
        if before is None or not before.still(entry.others):
            self.unproven = [one.model_copy(update={"unopened": True}) for one in self.unproven]
        elif drift in {0, offset}:
            # Where nothing more is off than before, all that was promised since then has come.
            since = 0 if not drift else before.sequence
            self.unproven = [one for one in self.unproven if one.unopened or one.sequence <= since]

    def _explain(self, credits: int) -> None:
        """Part of what was off is accounted for now; more than that says nothing about the last reading."""
        if self.offset > 0 < credits:
            self.offset = max(0, self.offset - credits)
        elif self.offset < 0 > credits:
            self.offset = min(0, self.offset - credits)

    def _miss(self, entry: e.RefundMissing) -> None:
        """A refund is certainly not in the balance: its credits are spent until they come."""
        refund = _taken(entry.attempt, self.unproven)
        if refund is None:
            return
        self.missing.append(refund)
        self.refunds -= refund.credits
        self._explain(-refund.credits)
        self._corrected(refund, -refund.credits, entry.at)

    def _find(self, entry: e.RefundFound) -> None:
        """A refund is in the balance, which may have been taken for paid, or for missing."""
        refund = _taken(entry.attempt, self.unproven)
        if refund is not None:
            if refund.unopened and entry.who is None and self.opening is not None:
                # It came after the first reading, which was too low by it.
                self.opening += refund.credits
                self._explain(refund.credits)
            return
        refund = _taken(entry.attempt, self.missing)
        if refund is not None:
            self.refunds += refund.credits
            self._explain(refund.credits)
            self._corrected(refund, refund.credits, entry.at)

    def _corrected(self, refund: Refund, credits: int, at: datetime) -> None:
        """The attempt closed as refunded, perhaps long ago and behind a checkpoint: a line corrects that, and budgets follow."""
        self._spend(refund.order, refund.day, -credits, at)
        missing = credits < 0
        self.closed.append(
            Closed(
                id=refund.attempt,
                number=0,
                order=refund.order,
                day=refund.day,
                outcome="refund_missing" if missing else "refund_found",
                refunded=credits,
                reason="its refund is not in the balance" if missing else "its refund came late",
            )
        )

    def _forget_runs(self, at: datetime) -> None:
        day = day_of(at)
        if day <= self.today:
            return
        self.today = day
        busy = {a.order.run for a in self.attempts.values()}
        self.runs = {k: r for k, r in self.runs.items() if k in busy or at - r.last < RUN_MEMORY}


def _taken(attempt: str, refunds: list[Refund]) -> Refund | None:
    """Remove the refund of an attempt from a list, where it is in it."""
    refund = next((one for one in refunds if one.attempt == attempt), None)
    if refund is not None:
        refunds.remove(refund)
    return refund


def day_of(at: datetime) -> str:
    """The UTC day a time belongs to, as `2026-11-22`."""
    return at.strftime("%Y-%m-%d")
