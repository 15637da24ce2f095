"""The entries of the log: versioned JSON that a person can read, one object each, never changed once written.

An attempt is named after the place of its intent in the log: ``a17`` is the intent in entry 17. All amounts are whole
credits; all times are UTC.
"""

from __future__ import annotations

import hashlib
import uuid
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from longtake.errors import LedgerError
from longtake.frozen import Frozen
from longtake.ledger.purchase import Purchase

VERSION: Literal[1] = 1
"""The version written into every entry; a reader refuses versions it does not know."""


class _Entry(Frozen):
    v: Literal[1] = VERSION
    at: datetime
    """When the writer wrote it, by the writer's clock, UTC."""
    by: str
    """The process that wrote it, and who asked it, see `owner.py`."""
    nonce: str = Field(default_factory=lambda: uuid.uuid4().hex[:12])
    """Makes equal entries of two writers differ, so that a lost answer of the store can be cleared up by reading back."""
    before: str | None = None
    """`digest_of` the entry before this one; None in the first, and in those of releases that did not write it."""


class Intent(_Entry):
    """A paid request is about to be sent. It lands before the socket opens and is the claim on the take."""

    kind: Literal["intent"] = "intent"
    order: Purchase
    number: int = Field(ge=1)
    """Which attempt for this take this is."""
    lease_until: datetime
    body: dict[str, Any]
    """The request with `sha256:` digests in place of URLs."""


class Renewed(_Entry):
    """The owner of an intent is alive and its POST is still open."""

    kind: Literal["renewed"] = "renewed"
    attempt: str
    lease_until: datetime


class Accepted(_Entry):
    """The provider took the request, debited it and gave a task id."""

    kind: Literal["accepted"] = "accepted"
    attempt: str
    task_id: str
    order: Purchase | None = None
    """Filled only when the attempt had been closed as not charged meanwhile, so that it can be opened again."""


class Refused(_Entry):
    """A 4xx: nothing was charged."""

    kind: Literal["refused"] = "refused"
    attempt: str
    status: int
    code: int | None = None
    message: str = ""
    retry_after: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    """Seconds that a 429 asked for; it slows the whole account down."""


class NotSent(_Entry):
    """Not a byte of the request left: nothing was charged."""

    kind: Literal["not_sent"] = "not_sent"
    attempt: str
    reason: str


class InDoubt(_Entry):
    """The attempt may have been charged: its answer was lost or its owner died."""

    kind: Literal["in_doubt"] = "in_doubt"
    attempt: str
    reason: str


class Completed(_Entry):
    """The provider says the task is done. `credits` is its `usage.credits`, None where it did not say."""

    kind: Literal["completed"] = "completed"
    attempt: str
    credits: int | None = None


class Failed(_Entry):
    """The provider says the task failed; its refund is due."""

    kind: Literal["failed"] = "failed"
    attempt: str
    code: int | None = None
    message: str = ""
    retryable: bool = False


class Refunded(_Entry):
    """The reserve of a failed attempt came back. `contract`: as the provider promises; `balance`: seen in the balance."""

    kind: Literal["refunded"] = "refunded"
    attempt: str
    credits: int
    proof: Literal["contract", "balance"]


class Settled(_Entry):
    """The take is kept and booked. `basis` says whether the provider named the charge or it is our estimate."""

    kind: Literal["settled"] = "settled"
    attempt: str
    credits: int
    basis: Literal["usage", "estimate"]
    clip: str
    """sha256 of the clip."""


class Held(_Entry):
    """Reconciliation is certain that this doubt was charged: the money is held until a refund or a person."""

    kind: Literal["held"] = "held"
    attempt: str
    why: str


class Adopted(_Entry):
    """A person found the task of a doubt."""

    kind: Literal["adopted"] = "adopted"
    attempt: str
    task_id: str
    who: str
    why: str


class NotCharged(_Entry):
    """A doubt turned out not to have been charged; the take may be bought again."""

    kind: Literal["not_charged"] = "not_charged"
    attempt: str
    who: str
    why: str


class WrittenOff(_Entry):
    """A person gives a doubt up: its credits count as spent, the take may be bought again."""

    kind: Literal["written_off"] = "written_off"
    attempt: str
    who: str
    why: str


class RefundMissing(_Entry):
    """A refund the provider owes is certainly not in the balance: the credits count as spent until they come."""

    kind: Literal["refund_missing"] = "refund_missing"
    attempt: str
    credits: int


class RefundFound(_Entry):
    """A refund that was missing, or not proven, is in the balance: the credits are back. `who` and `why` where a person says so."""

    kind: Literal["refund_found"] = "refund_found"
    attempt: str
    credits: int
    who: str | None = None
    why: str | None = None


class Barrier(_Entry):
    """No intent may follow until `until`, or until it is lifted: a run compares the balance."""

    kind: Literal["barrier"] = "barrier"
    until: datetime


class Lifted(_Entry):
    """The barrier in entry `barrier` is over."""

    kind: Literal["lifted"] = "lifted"
    barrier: int


class Balance(_Entry):
    """A balance read while nothing else happened. `expected` is None for the first, which opens the account."""

    kind: Literal["balance"] = "balance"
    balance: int
    expected: int | None = None
    others: dict[str, int] | None = None
    """The last entry of each other ledger of the key, 0 where something is open there; None where the key has no other."""


class Adjusted(_Entry):
    """A person explains a drift: credits bought (positive) or spent elsewhere (negative)."""

    kind: Literal["adjusted"] = "adjusted"
    credits: int
    who: str
    why: str


class Lost(_Entry):
    """A person, through `longtake doctor --ledger --repair`, says that the entry which was here is lost.

    It has no `before` that the next entry knows: that one names the lost entry.
    """

    kind: Literal["lost"] = "lost"
    who: str
    why: str


Entry = (
    Intent
    | Renewed
    | Accepted
    | Refused
    | NotSent
    | InDoubt
    | Completed
    | Failed
    | Refunded
    | Settled
    | Held
    | Adopted
    | NotCharged
    | WrittenOff
    | RefundMissing
    | RefundFound
    | Barrier
    | Lifted
    | Balance
    | Adjusted
    | Lost
)

_ADAPTER: TypeAdapter[Entry] = TypeAdapter(
    Annotated[Entry, Field(discriminator="kind")], config=ConfigDict(defer_build=True)
)


def dump(entry: Entry) -> bytes:
    """The bytes of an entry as they lie in the store: indented JSON with a final newline."""
    return _ADAPTER.dump_json(entry, indent=1, exclude_none=True) + b"\n"


def digest_of(data: bytes) -> str:
    """Return the name that the next entry gives to an entry with these bytes."""
    return hashlib.sha256(data).hexdigest()[:32]


def parse(data: bytes, *, key: str) -> Entry:
    """Read an entry back.

    Raises:
        LedgerError: it is not an entry of a version this release knows.
    """
    try:
        return _ADAPTER.validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise LedgerError(
            f"{key} is not an entry this release can read ({where}: {first['msg']})",
            next_step="use a release at least as new as the one that wrote it, or restore the object from a backup",
            key=key,
        ) from None
