"""An answer of the provider: read within a size limit, taken apart without trust."""

from __future__ import annotations

import json
import math
import re
import unicodedata
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx
    from pydantic import SecretStr

LARGEST_ANSWER = 1024 * 1024
"""Bytes of one JSON answer. An envelope is under 2 kB; anything near this is not one."""

LONGEST_TEXT = 500
"""Characters of the provider's words that are ever shown or kept."""

LONGEST_RETRY_AFTER = 3600.0
"""Seconds. A provider that asks for more is not obeyed further than this."""

_QUERY = re.compile(r"([a-z][a-z0-9+.-]{0,15}://[^\s?#\"'<>]{1,2048})[?#][^\s\"'<>]*", re.IGNORECASE)
_TASK_ID = re.compile(r"[A-Za-z0-9._-]{8,128}")


@dataclass(slots=True)
class ProviderAnswer:
    """What arrived so far of one HTTP answer."""

    status: int
    headers: httpx.Headers
    body: bytearray = field(default_factory=bytearray)
    oversize: bool = False

    async def read(self, response: httpx.Response, limit: int = LARGEST_ANSWER) -> None:
        """Read the body into `body`, which keeps what arrived even when the connection breaks in the middle."""
        async for chunk in response.aiter_bytes():
            self.body += chunk[: limit + 1 - len(self.body)]
            if len(self.body) > limit:
                self.oversize = True
                return

    def document(self) -> dict[str, Any] | None:
        """The JSON object that the body is, or None when it is anything else, cut short or over the limit.

        A broken connection after the closing brace does no harm: an object that parses is whole.
        """
        if self.oversize:
            return None
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError):
            return None
        return value if isinstance(value, dict) else None

    @property
    def retry_after(self) -> float | None:
        """Seconds to wait, from a `Retry-After` of either form; None without a usable one."""
        return retry_after(self.headers.get("retry-after"), now=self.headers.get("date"))


@dataclass(frozen=True, slots=True)
class Complaint:
    """The provider's error object `{code, message, request_id}` (provider-contract.md §3); any part may be missing."""

    code: int | None = None
    message: str | None = None
    request_id: str | None = None

    @classmethod
    def of(cls, document: dict[str, Any] | None, *, secret: SecretStr) -> Complaint:
        """Read the `error` of an envelope; anything odd in it is left out."""
        error = (document or {}).get("error")
        if isinstance(error, str):
            return cls(message=clean(error, secret=secret) or None)
        if not isinstance(error, dict):
            return cls()
        message = error.get("message")
        request_id = error.get("request_id")
        return cls(
            code=whole(error.get("code"), digits=True),
            message=(clean(message, secret=secret) or None) if isinstance(message, str) else None,
            request_id=(clean(request_id, secret=secret, limit=128) or None) if isinstance(request_id, str) else None,
        )

    def __str__(self) -> str:
        parts = [] if self.code is None else [f"code {self.code}"]
        if self.message:
            parts.append(self.message)
        return ": ".join(parts)


def clean(text: str, *, secret: SecretStr | None = None, limit: int = LONGEST_TEXT) -> str:
    """Make foreign text fit for a log or a page: one line, no control characters, no key, no URL's query string."""
    hidden = secret.get_secret_value() if secret is not None else ""
    if len(hidden) >= 4:
        text = text.replace(hidden, "***")
    text = text[: limit * 8]
    text = "".join(" " if unicodedata.category(char)[0] == "C" else char for char in text)
    text = " ".join(_QUERY.sub(r"\1?…", text).split())
    return text if len(text) <= limit else text[: limit - 1] + "…"


def whole(value: object, *, digits: bool = False) -> int | None:
    """Return the whole number a JSON value is (1335 or 1335.0), None for anything else or beyond ±10^12.

    Args:
        value: as parsed.
        digits: also take a short string of decimal digits.
    """
    if digits and isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value):
        return int(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    if isinstance(value, float) and not value.is_integer():  # is_integer() is False for NaN and the infinities
        return None
    return int(value) if abs(value) <= 10**12 else None


def task_id(document: dict[str, Any]) -> str | None:
    """Return the task id of an envelope: `id`, else `task_id` (provider-contract.md §1); None without a usable one."""
    for name in ("id", "task_id"):
        value = document.get(name)
        if isinstance(value, str) and _TASK_ID.fullmatch(value):
            return value
    return None


def is_task_id(text: str) -> bool:
    """Say whether a text may stand in a task's URL."""
    return _TASK_ID.fullmatch(text) is not None


def retry_after(value: str | None, *, now: str | None = None) -> float | None:
    """Return the seconds a `Retry-After` header asks for, at least 0, at most `LONGEST_RETRY_AFTER`.

    Args:
        value: seconds, or an HTTP date.
        now: the answer's own `Date`, so that a wrong clock on this side does no harm.
    """
    if value is None or len(value) > 64:
        return None
    try:
        seconds = float(value)
    except ValueError:
        moment = _moment(value)
        if moment is None:
            return None
        seconds = (moment - (_moment(now) or datetime.now(UTC))).total_seconds()
        seconds = max(0.0, seconds)
    if not math.isfinite(seconds) or seconds < 0:
        return None
    return min(seconds, LONGEST_RETRY_AFTER)


def _moment(value: str | None) -> datetime | None:
    if value is None:
        return None
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
