"""The answer to the claim of a take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from longtake.errors import InDoubtError
from longtake.ledger.attempt import DOUBTS
from longtake.ledger.throttle import LOOK_AGAIN

if TYPE_CHECKING:
    from longtake.ledger.attempt import Attempt


@dataclass(frozen=True, slots=True)
class Claim:
    """The answer to a claim.

    `bought`: ours, send the POST. `shared`: another's accepted attempt, poll it. `kept`: the take lies in the store. `wait`: ask
    again `after` this many seconds: the POST of `attempt` is open, or without one the account is barred or at a limit.
    `began` is `elapsed()` just before the intent of a `bought` one was written.
    """

    kind: Literal["bought", "shared", "wait", "kept"]
    attempt: Attempt | None = None
    after: float = LOOK_AGAIN
    began: float = 0.0


def theirs(found: Attempt) -> Claim:
    """Answer the claim of a take that has an open attempt.

    Raises:
        InDoubtError: the attempt is in doubt.
    """
    if found.phase in DOUBTS:
        raise doubt(found)
    return Claim("wait" if found.phase == "intent" else "shared", found.model_copy())


def doubt(attempt: Attempt) -> InDoubtError:
    """Return the error that an attempt in doubt is."""
    certain = "was charged and its task is lost" if attempt.phase == "held" else "may have been charged"
    return InDoubtError(
        f"attempt {attempt.id} for {attempt.order.label} {certain} ({attempt.reason}); "
        f"{attempt.order.reserve} credits are held",
        attempt=attempt.id,
        label=attempt.order.label,
        credits=attempt.order.reserve,
    )
