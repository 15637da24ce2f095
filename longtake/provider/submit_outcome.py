"""What one POST came to: accepted, refused, not sent or in doubt (provider-contract.md §2).

The rule of thumb is one-sided. *Not sent* needs proof that no byte of the request left, *refused* needs a status line
that says 4xx and is not a gateway's time-out, *accepted* needs a 2xx with an id. Whatever is left is in doubt, since
doubt costs a look at the balance and a wrong "not charged" costs the price of a second clip.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx

from longtake.errors import (
    DoubtfulAnswerError,
    KeyRefusedError,
    NoCreditsError,
    NotSentError,
    RateLimitedError,
    RefusedError,
    UnknownModelError,
)
from longtake.provider.answers import LARGEST_ANSWER, Complaint, ProviderAnswer, clean, task_id, whole
from longtake.provider.error_codes import CODES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pydantic import SecretStr

# httpx raises these while it connects, never later. UnsupportedProtocol is left out on purpose: the base URL has been
# checked, so it could only come from a redirect, that is after sending.
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)

_BY_STATUS: Mapping[int, type[RefusedError]] = {
    401: KeyRefusedError,
    402: NoCreditsError,
    403: KeyRefusedError,
    404: UnknownModelError,
}

_GAVE_UP = frozenset({408, 425, 499})
"""A gateway stopped waiting (provider-contract.md §2): the request may have reached the provider and been charged."""


@dataclass(frozen=True, slots=True)
class SubmitAccepted:
    """The provider took the request and, by its own account, has debited it.

    Attributes:
        task_id: checked to be safe in a URL and a key.
        status: as the provider says, usually "processing".
        created_at: seconds since 1970, by the provider's clock; None when it did not say.
        raw: the plain fields of the envelope, cleaned; never an output URL.
    """

    task_id: str
    status: str
    created_at: int | None
    raw: dict[str, Any]


class StaleClaim(Exception):  # noqa: N818 - never leaves this package
    """The claim is too old to be used, and no byte has left."""


class Wire:
    """Whether the POST began to leave, as httpcore's trace events tell it.

    This can only veto a "not sent". Where a future httpcore names its events otherwise, the class of the exception
    decides alone.
    """

    def __init__(self, fresh: Callable[[], bool] | None = None) -> None:
        self.began = False
        self._fresh = fresh

    async def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Take one trace event; a CONNECT sent to a proxy is not the POST."""
        if event.endswith((".send_request_headers.started", ".send_request_body.started")):
            method = getattr(info.get("request"), "method", b"POST")
            if method == b"POST" and not self.began and self._fresh is not None and not self._fresh():
                raise StaleClaim("the claim was too old when the connection stood")
            self.began = self.began or method == b"POST"


def settle(
    answer: ProviderAnswer | None, fault: Exception | None, *, began: bool, model: str, secret: SecretStr
) -> SubmitAccepted:
    """Class the outcome of one POST: return the acceptance or raise what it was.

    Args:
        answer: as much as arrived, None when not even a status line did.
        fault: what broke the exchange, if anything did.
        began: a byte of the request may have left.
        model: for messages.
        secret: the key, to be kept out of messages.

    Raises:
        NotSentError: nothing left this machine.
        RateLimitedError: 429.
        RefusedError: any other 4xx but 408, 425 and 499, by subclass.
        DoubtfulAnswerError: everything else; it may have been charged.
    """
    if answer is None:
        trouble = _trouble(fault, secret)
        if isinstance(fault, (*_NOT_SENT, StaleClaim)) and not began:
            raise NotSentError(f"the request for {model} was not sent: {trouble}")
        raise _doubt(trouble, model)
    if 400 <= answer.status < 500 and answer.status not in _GAVE_UP:
        # The status line is the verdict: what happened to the body after it changes nothing.
        raise _refusal(answer, model, secret)
    if 200 <= answer.status < 300:
        accepted = _acceptance(answer.document(), secret)
        if accepted is not None:
            return accepted
    raise _doubt(_oddity(answer, fault, secret), model)


def _doubt(reason: str, model: str) -> DoubtfulAnswerError:
    return DoubtfulAnswerError(f"the request for {model} may have been charged: {reason}", reason=reason)


def _refusal(answer: ProviderAnswer, model: str, secret: SecretStr) -> RefusedError | RateLimitedError:
    complaint = Complaint.of(answer.document(), secret=secret)
    said = f" ({complaint})" if str(complaint) else ""
    message = f"the provider refused the request for {model} with {answer.status}{said}"
    if answer.status == 429:
        return RateLimitedError(
            message, retry_after=answer.retry_after, status=429, code=complaint.code, request_id=complaint.request_id
        )
    error = _BY_STATUS.get(answer.status, RefusedError)
    code = CODES.get(complaint.code) if complaint.code is not None else None
    step = code.step if code is not None else ""
    if answer.status in (403, 404) and not said:
        step = "check LONGTAKE_BASE_URL: the answer is not in the provider's own words; nothing was charged"
    return error(message, next_step=step, status=answer.status, code=complaint.code, request_id=complaint.request_id)


def _acceptance(document: dict[str, Any] | None, secret: SecretStr) -> SubmitAccepted | None:
    identity = task_id(document) if document is not None else None
    if document is None or identity is None:
        return None
    status = document.get("status")
    created_at = whole(document.get("created_at"))
    model = document.get("model")
    status = clean(status, secret=secret, limit=32) if isinstance(status, str) else ""
    raw: dict[str, Any] = {"id": identity, "status": status or "processing", "created_at": created_at}
    if isinstance(model, str):
        raw["model"] = clean(model, secret=secret, limit=128)
    usage = document.get("usage")
    if isinstance(usage, dict):
        raw["usage"] = {"credits": whole(usage.get("credits"))}
    return SubmitAccepted(task_id=identity, status=raw["status"], created_at=created_at, raw=raw)


def _oddity(answer: ProviderAnswer, fault: Exception | None, secret: SecretStr) -> str:
    answered = f"HTTP {answer.status}"
    if not 200 <= answer.status < 300:
        return answered
    if answer.oversize:
        return f"{answered} with an answer over {LARGEST_ANSWER} bytes"
    if fault is not None:
        return f"{answered}, then {_trouble(fault, secret)}"
    if answer.document() is None:
        kind = clean(answer.headers.get("content-type", "no content type"), secret=secret, limit=80)
        return f"{answered} with an answer that is not a JSON object ({kind})"
    return f"{answered} without a usable task id"


def _trouble(fault: Exception | None, secret: SecretStr) -> str:
    if fault is None:  # cannot happen; a doubt must never depend on that
        return "no answer"
    if isinstance(fault, TimeoutError):
        return "no whole answer before the deadline"
    words = clean(str(fault), secret=secret, limit=200)
    return f"{type(fault).__name__}: {words}" if words else type(fault).__name__
