"""What was agreed to when a run was started with the digest of a plan: which takes, and for how much in all.

It is written once, before anything is bought under it, and lies under ``films/<film>/agreed/<digest>.json``. A later run with
the same digest, after a crash or at the same time, may buy what is still missing of it and nothing else.
"""

from __future__ import annotations

import hashlib
import json
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

from pydantic import Field, ValidationError

from longtake.errors import PlanChangedError, SettingsError, StoreError
from longtake.frozen import Frozen

if TYPE_CHECKING:
    from longtake.ledger import EntryLog, LedgerState, Purchase
    from longtake.plan.plan import Plan
    from longtake.store import Store

GOOD_FOR = timedelta(days=30)
"""How long a digest can be used after its first use: less than the ledger remembers what a run has spent."""
_NAMED = 5
"""Takes that an error names."""


class AgreedTake(Frozen):
    """A take that may be bought: its shot and its request."""

    shot: str
    take: int = Field(ge=1)
    description: str | None


class Agreement(Frozen):
    """The takes of a plan that was agreed to, and the most that they may cost together, in credits."""

    v: Literal[1] = 1
    film: str
    digest: str
    board_digest: str
    account: str
    """The ledger's account that it was agreed for."""
    takes: tuple[AgreedTake, ...]
    reserve: int = Field(ge=0)
    by: str = ""
    """Who asked."""
    at: datetime = Field(default_factory=lambda: datetime.now(UTC))

    @property
    def run(self) -> str:
        """The id of every run under it: what one of them has bought counts for all."""
        return run_of(self.digest)

    def allows(self, order: Purchase) -> bool:
        """Whether a take may be bought under it."""
        return AgreedTake(shot=order.shot, take=order.take, description=order.description) in self.takes

    def check(self, plan: Plan, account: str) -> None:
        """Raise unless everything that the plan would buy was agreed to.

        Raises:
            PlanChangedError: it is another storyboard, another key, too long ago, or takes would be bought that were not agreed to.
        """
        if plan.board_digest != self.board_digest:
            raise PlanChangedError(f"the storyboard has changed since plan {self.digest}", digest=plan.digest)
        if account != self.account:
            raise PlanChangedError(f"plan {self.digest} was agreed to for another key", digest=plan.digest)
        if datetime.now(UTC) - self.at > GOOD_FOR:
            days = GOOD_FOR.days
            raise PlanChangedError(f"plan {self.digest} was agreed to more than {days} days ago", digest=plan.digest)
        known = set(self.takes)
        found = [AgreedTake(shot=one.shot, take=one.take, description=one.description) for one in plan.purchases]
        more = [f"take {one.take} of {one.shot}" for one in found if one not in known]
        if more:
            rest = f" and {len(more) - _NAMED} more" if len(more) > _NAMED else ""
            raise PlanChangedError(
                f"plan {self.digest} does not have {', '.join(more[:_NAMED])}{rest}, which would be bought now",
                digest=plan.digest,
            )


def in_force(plan: Plan, store: Store, log: EntryLog) -> Plan:
    """The plan with the digest that it can be bought with now.

    Where an agreement under its digest is used up, too old or of another key, and the plan is still the same because nothing of
    it was kept, the digest is another one: only who sees the plan again can agree again. Where nothing is to be bought, nothing
    is read.

    Args:
        plan: as it was made, or with a digest that was good before.
        store: where agreements lie.
        log: of the account that pays.

    Raises:
        StoreError: the store is away.
    """
    digest, state = plan.digest, None
    while plan.purchases and (data := store.get(_key(plan.film, digest))) is not None:
        known = _loaded(data)
        if known is not None and _stands(known, plan, log.account):
            state = state if state is not None else log.read()
            if _has_room(known, plan, state):
                break
        digest = hashlib.sha256(f"longtake-plan-again/1 {digest}".encode()).hexdigest()[:32]
    return plan if digest == plan.digest else plan.model_copy(update={"digest": digest})


def _stands(known: Agreement, plan: Plan, account: str) -> bool:
    try:
        known.check(plan, account)
    except PlanChangedError:
        return False
    return True


def _has_room(known: Agreement, plan: Plan, state: LedgerState) -> bool:
    """Whether the plan fits into what was agreed to, as soon as the refunds that are on their way are there."""
    coming = sum(one.credits for one in state.unproven if one.order.run == known.run)
    return state.used(run=known.run).run - coming + plan.reserve <= known.reserve


def run_of(digest: str) -> str:
    """The id of every run under the plan of this digest.

    Raises:
        SettingsError: it is not a digest.
    """
    if not re.fullmatch(r"[0-9a-f]{32}", digest):
        raise SettingsError(
            f"{json.dumps(digest[:64])} is not the digest of a plan", next_step="give the `digest` of `Studio.plan`"
        )
    return f"plan-{digest}"


def agreement_of(plan: Plan, account: str, *, by: str = "") -> Agreement:
    """The purchases that a plan agrees to."""
    return Agreement(
        film=plan.film,
        digest=plan.digest,
        board_digest=plan.board_digest,
        account=account,
        takes=tuple(AgreedTake(shot=one.shot, take=one.take, description=one.description) for one in plan.purchases),
        reserve=plan.reserve,
        by=by,
    )


def read(store: Store, film: str, digest: str) -> Agreement | None:
    """What was agreed to under a digest before; None where nothing was.

    Raises:
        StoreError: the store is away, or the object there is not an agreement of this release.
    """
    key = _key(film, digest)
    data = store.get(key)
    if data is None:
        return None
    known = _loaded(data)
    if known is None:
        raise StoreError(
            f"{key} is not an agreement of this release", next_step="plan again and use the new digest", key=key
        )
    return known


def _loaded(data: bytes) -> Agreement | None:
    try:
        return Agreement.model_validate_json(data)
    except ValidationError:
        return None


def write(store: Store, agreement: Agreement) -> Agreement:
    """Record an agreement and return it, or the one that another run recorded first.

    Raises:
        StoreError: the store is away.
    """
    if store.put_if_absent(
        _key(agreement.film, agreement.digest), agreement.model_dump_json(indent=1).encode() + b"\n"
    ):
        return agreement
    return read(store, agreement.film, agreement.digest) or agreement


def _key(film: str, digest: str) -> str:
    return f"films/{film}/agreed/{digest}.json"
