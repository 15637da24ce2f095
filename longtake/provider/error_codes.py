"""What the provider's error codes call for (provider-contract.md §3): the only place that reads their numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from longtake.errors import RefusedError, TaskFailedError

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """One code: whether another attempt may help, whether inputs must be hosted again before it, and what a person does."""

    another: bool
    step: str
    rehost: bool = False


CODES: Mapping[int, ErrorCode] = {
    30002: ErrorCode(
        another=True, rehost=True, step="put the inputs where the provider can read them at once; nothing was charged"
    ),
    80003: ErrorCode(
        another=True, step="another attempt may succeed; the refund of this one counts when the balance shows it"
    ),
    80006: ErrorCode(another=False, step="change the prompt or the inputs: the content policy refused them"),
    80007: ErrorCode(another=True, rehost=True, step="put the inputs where the provider can read them"),
}


def wants_rehosting(error: Exception) -> bool:
    """Whether an attempt ended because an input could not be read: it cost nothing, and a new URL may help."""
    if not isinstance(error, RefusedError | TaskFailedError) or error.code is None:
        return False
    code = CODES.get(error.code)
    return code is not None and code.rehost
