"""The ledger of an account: claims, outcomes and what people decide, each as one entry checked inside the append.

Everything here is synchronous and thread-safe; coroutines call it through `asyncio.to_thread`.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from longtake.errors import InDoubtError, LedgerError, LedgerGapError, TwoLedgersError
from longtake.ledger import entries as e
from longtake.ledger import owner
from longtake.ledger.attempt import DOUBTS, Attempt, day_of
from longtake.ledger.budget import UsedElsewhere
from longtake.ledger.claim import Claim, theirs
from longtake.ledger.claim_wait import ClaimWait, to_wait
from longtake.ledger.elapsed import elapsed
from longtake.ledger.entry_log import EntryLog
from longtake.ledger.identity import OtherLedgers
from longtake.ledger.task_index import TaskIndex
from longtake.ledger.throttle import SKEW, Limits

if TYPE_CHECKING:
    from collections.abc import Callable

    from longtake.errors import LongtakeError
    from longtake.ledger.budget import Budget, Used
    from longtake.ledger.purchase import Purchase
    from longtake.ledger.state import LedgerState
    from longtake.store import Store

LEASE = timedelta(seconds=30)
"""How long an intent stands without a sign of life; a POST that takes longer renews it."""

_ABSURD = 3
"""A charge of this many times the reserve is a mistake, not a price: the ledger books the estimate."""

_log = logging.getLogger("longtake.ledger")


def now() -> datetime:
    """The time entries carry: UTC."""
    return datetime.now(UTC)


class Ledger:
    """One account's ledger as processes use it.

    Args:
        store: where the log lies; its `put_if_absent` must be atomic.
        account: its name, see `identify_ledger`.
        settles: why it takes no intent: what was bought before is polled, kept and settled, and nothing more is bought. Empty where
            it does.
        by: who asks this process for what it does; its entries name them.
    """

    def __init__(self, store: Store, account: str, *, settles: str = "", by: str = "") -> None:
        self.log = EntryLog(store, account)
        self.others = OtherLedgers(store, account)
        self._settles = settles
        self._by = by
        self._patience = ClaimWait()
        self._tasks = TaskIndex(self.log)

    @property
    def account(self) -> str:
        """The account's name in the store."""
        return self.log.account

    @property
    def writer(self) -> str:
        """Who writes its entries: this process, and who asked it."""
        return owner.current(self._by)

    def read(self) -> LedgerState:
        """The state now."""
        return self.log.read()

    def claim(
        self,
        order: Purchase,
        *,
        body: dict[str, Any],
        budget: Budget,
        kept: Callable[[], bool],
        elsewhere: UsedElsewhere = UsedElsewhere(),  # noqa: B008 - frozen
        halted: LongtakeError | None = None,
        limits: Limits = Limits(),  # noqa: B008 - frozen
    ) -> Claim:
        """Claim a take: write the intent, unless another run has it, a budget refuses it or the account is at a limit.

        `kept` tells whether the take lies in the store; it is asked at the head of the log, because a take is kept before it is
        settled: so either the state still shows the attempt or the store shows the take. `halted` is raised in place of a
        new intent: what was bought before is still shared. `elsewhere` is what other ledgers hold against the budgets.

        Raises:
            InDoubtError: an earlier attempt may have been charged.
            BudgetError: the reserve does not fit into a budget.
            LedgerError: the log cannot be read back to its beginning; nothing was sent.
            LedgerGapError: an entry is lost, and what it bought is not settled yet.
            TwoLedgersError: the ledger takes no intent.
            StoreError: the store is away; nothing was sent.
        """
        answer: list[Claim] = []
        began = 0.0

        def decide(state: LedgerState) -> e.Entry | None:
            nonlocal began
            answer.clear()
            found = state.find(order.fingerprint)
            if found is not None and found.phase == "intent" and self._abandoned(found):
                return self._died(found)
            if found is not None:
                answer.append(theirs(found))
            elif kept():
                answer.append(Claim("kept"))
            elif self._barred(state):
                answer.append(Claim("wait"))
            elif (no := self.refusal or halted) is not None:
                raise no
            else:
                self._check_lost(state)
                used = _used(state, film=order.film, run=order.run, film_set=order.set, elsewhere=elsewhere)
                budget.check(order.reserve, used, order.label)
                after = to_wait(state, limits, self._patience, now=now(), alive=lambda a: not self._abandoned(a))
                if after:
                    answer.append(Claim("wait", after=after))
            if answer:
                return None
            self._tasks.learn(state.head)  # what cannot be read is found before the money
            began = elapsed()
            stamp = self._stamp()
            return e.Intent(
                **stamp,
                order=order,
                number=state.tries.get(order.fingerprint, 0) + 1,
                lease_until=stamp["at"] + LEASE,
                body=body,
            )

        while True:
            sequence = self.log.append(decide)
            if answer:
                return answer[0]
            written = self.log.known().attempts.get(f"a{sequence}")
            if written is not None:
                self._patience.note("intent", written.sequence)
                return Claim("bought", written.model_copy(), began=began)
            # The entry was not an intent but the end of a dead owner's: look again, now it is in doubt.

    @property
    def refusal(self) -> TwoLedgersError | None:
        """The error of a purchase with a ledger that takes no intent, None where it does."""
        if not self._settles:
            return None
        return TwoLedgersError(
            f"nothing is bought: {self._settles}",
            next_step="unset LONGTAKE_ACCOUNT when nothing is open in that ledger any more",
            key=self.account,
        )

    def used(self, *, film: str, run: str, film_set: str = "", elsewhere: UsedElsewhere | None = None) -> Used:
        """Return what counts against the budgets of a film, a film set, a run and today.

        Args:
            film: the film's slug.
            run: the run's id.
            film_set: the slug of the film set, empty for a film alone.
            elsewhere: what other ledgers hold against the budgets.

        Raises:
            StoreError: the store is away.
        """
        return _used(self.read(), film=film, run=run, film_set=film_set, elsewhere=elsewhere or UsedElsewhere())

    def renew(self, attempt: Attempt) -> bool:
        """Say that the POST of an intent is still open; false when another process has put the attempt in doubt meanwhile."""
        return self._for(attempt, lambda a: self._entry(e.Renewed, a, lease_until=now() + LEASE), phases={"intent"})

    def accepted(self, attempt: Attempt, task_id: str) -> None:
        """Record the task id. Repeats of the same id change nothing.

        An id that another attempt has, open or closed, names that attempt's clip: this attempt is put in doubt instead.

        Raises:
            InDoubtError: the id belongs to another attempt, so it is unknown what this one was charged.
            LedgerError: a person wrote the attempt off meanwhile: its credits are counted as lost already.
        """
        other: str | None = None

        def decide(state: LedgerState) -> e.Entry | None:
            nonlocal other
            current = state.attempts.get(attempt.id)
            if current is not None and current.task_id is not None:
                return None
            other = self._tasks.other(state, task_id, but=attempt.id)
            if other is not None:
                if current is None or current.phase in DOUBTS:
                    return None
                return self._entry(
                    e.InDoubt, attempt, reason=f"answered with task {task_id}, which attempt {other} has"
                )
            if current is None:
                closed = [c for c in self._tasks.closed(attempt.sequence, state.head) if c.id == attempt.id]
                if any(c.task_id == task_id for c in closed):
                    # Written by an earlier call whose answer was lost, and settled by another run since.
                    return None
                if any(c.outcome == "written_off" for c in closed):
                    raise LedgerError(
                        f"attempt {attempt.id} was written off, and now it has the task {task_id}",
                        next_step="its credits count as spent; fetch the clip from the provider by hand if you want it",
                        key=attempt.id,
                    )
            order = attempt.order if current is None else None
            return e.Accepted(**self._stamp(), attempt=attempt.id, task_id=task_id, order=order)

        self.log.append(decide)
        if other is not None:
            raise InDoubtError(
                f"attempt {attempt.id} for {attempt.order.label} may have been charged: the provider answered with task {task_id}, "
                f"which attempt {other} has",
                attempt=attempt.id,
                label=attempt.order.label,
                credits=attempt.order.reserve,
            )

    def refused(
        self, attempt: Attempt, *, status: int, code: int | None, message: str, retry_after: float | None = None
    ) -> None:
        """A 4xx came back: the reserve is free again. A 429 slows the account down, for `retry_after` seconds or longer."""
        self._for(
            attempt,
            lambda a: self._entry(e.Refused, a, status=status, code=code, message=message, retry_after=retry_after),
            phases={"intent", "in_doubt"},
        )

    def not_sent(self, attempt: Attempt, reason: str) -> None:
        """Nothing left: the reserve is free again."""
        self._for(attempt, lambda a: self._entry(e.NotSent, a, reason=reason), phases={"intent", "in_doubt"})

    def in_doubt(self, attempt: Attempt, reason: str) -> None:
        """The answer was lost: the reserve stays held until the doubt is settled."""
        self._for(attempt, lambda a: self._entry(e.InDoubt, a, reason=reason), phases={"intent"})

    def completed(self, attempt: Attempt, credits: int | None) -> None:
        """The provider finished; `credits` is what it says it charged, left out where that cannot be."""
        if credits is not None and not 0 < credits <= _ABSURD * attempt.order.reserve:
            _log.warning(
                "attempt %s: the provider says it charged %s credits, which is not believed", attempt.id, credits
            )
            credits = None
        self._for(attempt, lambda a: self._entry(e.Completed, a, credits=credits), phases={"accepted"})

    def failed(self, attempt: Attempt, *, code: int | None, message: str, retryable: bool) -> None:
        """Record a failed task: its refund came before any poll could show the failure (provider-contract.md §2)."""
        self._for(
            attempt,
            lambda a: self._entry(e.Failed, a, code=code, message=message, retryable=retryable),
            phases={"accepted"},
        )
        self._for(
            attempt,
            lambda a: self._entry(e.Refunded, a, credits=a.order.reserve, proof="contract"),
            phases={"failed"},
        )

    def settled(self, attempt: Attempt, *, clip: str) -> None:
        """The take is kept: book its charge for good."""
        self._for(
            attempt,
            lambda a: self._entry(
                e.Settled, a, credits=a.charge, basis="estimate" if a.credits is None else "usage", clip=clip
            ),
            phases={"completed"},
        )

    def put_abandoned_in_doubt(self) -> list[Attempt]:
        """Put every intent whose process has ended in doubt; return the intents whose process still runs."""
        while True:
            alive = [a for a in self.read().attempts.values() if a.phase == "intent"]
            dead = [a for a in alive if self._abandoned(a)]
            if not dead:
                return alive
            for attempt in dead:
                self._for(attempt, self._died, phases={"intent"})

    def adopt(self, attempt_id: str, task_id: str, *, who: str, why: str) -> None:
        """Record that a person found the task of a doubt, or of an attempt whose task id was lost: it is polled again.

        Raises:
            LedgerError: there is no such attempt, or the task belongs to another one.
        """

        def decide(state: LedgerState) -> e.Entry:
            known = state.attempts.get(attempt_id)
            attempt = self._doubt(state, attempt_id, or_bought=known is not None and known.task_id is None)
            other = self._tasks.other(state, task_id, but=attempt_id)
            if other is not None:
                raise LedgerError(f"task {task_id} belongs to attempt {other} already", key=attempt_id)
            return self._entry(e.Adopted, attempt, task_id=task_id, who=who, why=why)

        self.put_abandoned_in_doubt()
        self.log.append(decide)

    def resolve(self, attempt_id: str, verdict: Literal["not_charged", "written_off"], *, who: str, why: str) -> None:
        """Record how a person, or the balance, settles a doubt, or a person what a lost entry may have bought.

        Raises:
            LedgerError: there is no such doubt.
        """
        self.put_abandoned_in_doubt()
        kind = e.NotCharged if verdict == "not_charged" else e.WrittenOff
        lost = verdict == "written_off"

        def decide(state: LedgerState) -> e.Entry:
            if attempt_id not in {f"a{one}" for one in state.lost}:
                self._doubt(state, attempt_id, or_bought=lost)
            return kind(**self._stamp(), attempt=attempt_id, who=who, why=why)

        self.log.append(decide)

    def refund_seen(self, attempt_id: str, *, who: str, why: str) -> None:
        """Record that a person saw a refund which the balance could not prove, or which was missing.

        Raises:
            LedgerError: no refund of this attempt is waited for.
        """

        def decide(state: LedgerState) -> e.Entry:
            due = {one.attempt: one.credits for one in (*state.unproven, *state.missing)}
            if attempt_id not in due:
                raise LedgerError(
                    f"no refund of attempt {attempt_id} is waited for",
                    next_step=f"refunds that the balance has not shown: {', '.join(due) or 'none'}",
                    key=attempt_id,
                )
            return e.RefundFound(**self._stamp(), attempt=attempt_id, credits=due[attempt_id], who=who, why=why)

        self.log.append(decide)

    def adjust(self, credits: int, *, who: str, why: str) -> None:
        """Explain a drift of the balance: credits bought (positive), or spent outside this ledger (negative)."""
        self.log.append(lambda _: e.Adjusted(**self._stamp(), credits=credits, who=who, why=why))

    def _check_lost(self, state: LedgerState) -> None:
        if state.lost:
            raise LedgerGapError(
                f"entry {state.lost[0]} of {self.account} is lost, and what it bought is unknown",
                next_step=(
                    f"compare the provider's task list with `longtake credits`, then `longtake credits resolve "
                    f"a{state.lost[0]} --not-charged | --write-off --why …`; nothing is bought until then"
                ),
                key=f"a{state.lost[0]}",
            )

    def _stamp(self) -> dict[str, Any]:
        return {"at": now(), "by": self.writer}

    def _entry(self, kind: Callable[..., e.Entry], attempt: Attempt, **fields: Any) -> e.Entry:  # noqa: ANN401 - an entry's own fields
        return kind(**self._stamp(), attempt=attempt.id, **fields)

    def _died(self, attempt: Attempt) -> e.Entry:
        return self._entry(e.InDoubt, attempt, reason="its process ended between the intent and the answer")

    def _abandoned(self, attempt: Attempt) -> bool:
        """Whether, as seen from this machine, no process is sending this intent any more.

        A lease that this process has seen unrenewed for as long as it lasts is over, however far its own clock or the writer's is
        off: without that it would wait hours for a process that died.
        """
        if owner.is_dead(attempt.owner) or now() > attempt.lease_until + SKEW:
            return True
        return self._patience.note(f"lease of {attempt.id}", attempt.lease_until) > (LEASE + SKEW).total_seconds()

    def _barred(self, state: LedgerState) -> bool:
        """Whether a barrier stands. A barrier is over once this process has seen it for its whole length."""
        if state.barrier is None or not state.barred(now()):
            return False
        entry = self.log.entry(state.barrier)
        longest = entry.until - entry.at if isinstance(entry, e.Barrier) else timedelta.max
        return self._patience.note("barrier", state.barrier) <= longest.total_seconds()

    def _for(self, known: Attempt, entry: Callable[[Attempt], e.Entry], *, phases: set[str]) -> bool:
        """Write an outcome if the attempt still waits for one, and tell whether; what another process wrote first stands.

        Ids are numbers within one log: an attempt of another ledger may have the same one, so the take must agree too.
        """

        def decide(state: LedgerState) -> e.Entry | None:
            attempt = state.attempts.get(known.id)
            same = attempt is not None and attempt.order.fingerprint == known.order.fingerprint
            return entry(attempt) if attempt is not None and same and attempt.phase in phases else None

        return self.log.append(decide) is not None

    @staticmethod
    def _doubt(state: LedgerState, attempt_id: str, *, or_bought: bool = False) -> Attempt:
        attempt = state.attempts.get(attempt_id)
        # A bought attempt can be given up too: the provider may forget a task, or its URLs may end before they were copied.
        bought = or_bought and attempt is not None and attempt.phase in {"accepted", "completed"}
        if attempt is not None and (attempt.phase in DOUBTS or bought):
            return attempt
        is_now = "closed or unknown" if attempt is None else attempt.phase
        doubts = ", ".join(a.id for a in state.doubts()) or "none"
        raise LedgerError(
            f"attempt {attempt_id} is not in doubt but {is_now}",
            next_step=f"attempts in doubt now: {doubts}",
            key=attempt_id,
        )


def _used(state: LedgerState, *, film: str, run: str, film_set: str, elsewhere: UsedElsewhere) -> Used:
    day = day_of(now())
    here = state.used(film=film, run=run, film_set=film_set, day=day)
    return here.plus(film=elsewhere.film, film_set=elsewhere.set, run=elsewhere.run, day=elsewhere.days.get(day, 0))
