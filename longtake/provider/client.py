"""The HTTP client of one provider account: the paid POST, polls, the balance, and downloads of results."""

from __future__ import annotations

import asyncio
import functools
import json
from typing import TYPE_CHECKING, Any, Self

import httpx

from longtake.errors import (
    KeyRefusedError,
    NotSentError,
    ProviderUnavailableError,
    RateLimitedError,
    UnknownTaskError,
)
from longtake.provider import tasks, url_safety
from longtake.provider.answers import Complaint, ProviderAnswer, clean, is_task_id, task_id, whole
from longtake.provider.http_clients import GET_TIMEOUT, HttpClients, checked_base, checked_key
from longtake.provider.polling import PollCadence
from longtake.provider.submit_outcome import SubmitAccepted, Wire, settle
from longtake.provider.waits import Waits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from typing import NoReturn

    from pydantic import SecretStr

    from longtake.provider.partial_download import DownloadKind, Fetched
    from longtake.provider.readable import Readable

POST_TIMEOUT = 120.0
"""Seconds for a POST: it ends before a reconciliation believes the balance (`longtake.ledger.reconcile.QUIET`)."""


class Provider:
    """A client of one provider account, to be used as an async context manager.

    Args:
        base_url: the provider's, as "https://reapi.ai/api/v1".
        key: sent in the Authorization header, to the base URL's origin only.
        transport: instead of real connections.
        post_timeout: seconds for the whole POST, from dialing to the last byte of the answer.
        connect_timeout: seconds for a connection to stand.
        fetch_timeout: seconds for one download with all its repeats.
        cadence: the rhythm of polls and repeats.
        realm: "loopback" for an emulator, "provider" for the real one; by default as the base URL's host says.

    Attributes:
        realm: the kind of provider.

    Raises:
        SettingsError: the base URL or the key cannot be used.
    """

    realm: str

    def __init__(
        self,
        *,
        base_url: str,
        key: SecretStr,
        transport: httpx.AsyncBaseTransport | None = None,
        post_timeout: float = POST_TIMEOUT,
        connect_timeout: float = 15.0,
        fetch_timeout: float = 900.0,
        cadence: PollCadence | None = None,
        realm: str | None = None,
    ) -> None:
        self._base = checked_base(base_url)
        self._key = checked_key(key)
        here = url_safety.is_loopback(httpx.URL(self._base).host)
        self.realm = realm or ("loopback" if here else "provider")
        self._post_timeout = post_timeout
        cadence = cadence or PollCadence()
        self._open: HttpClients | None = None
        self._waits = Waits(cadence)
        self._opener = functools.partial(
            HttpClients.open,
            key=self._key,
            loopback=here,
            transport=transport,
            post_timeout=post_timeout,
            connect_timeout=min(connect_timeout, post_timeout),
            fetch_timeout=fetch_timeout,
            cadence=cadence,
        )

    async def __aenter__(self) -> Self:
        if self._open is not None:
            raise RuntimeError("this Provider is already open")
        self._open = await self._opener()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._open is not None:
            pools, self._open = self._open, None
            await pools.aclose()

    async def submit(self, body: Mapping[str, object], *, fresh: Callable[[], bool] | None = None) -> SubmitAccepted:
        """Send the one paid POST, once. Nothing here or below repeats it, follows a redirect or retries a connection.

        Cancellation is not caught: a cancelled submit leaves an attempt in doubt.

        Args:
            body: the request.
            fresh: asked when the connection stands, before the first byte leaves: whether the claim may still be used.

        Raises:
            NotSentError: no byte of the request left; it may be sent again.
            RateLimitedError: 429; it may be sent again after `retry_after` seconds.
            KeyRefusedError, NoCreditsError, UnknownModelError, RefusedError: another 4xx; nothing was charged.
            DoubtfulAnswerError: anything else. It may have been charged and must not be sent again.
        """
        posts = self._opened().posts
        model = clean(str(body.get("model", "an unnamed model")), secret=self._key, limit=80)
        try:
            content = json.dumps(body, allow_nan=False, ensure_ascii=False).encode()
        except (TypeError, ValueError) as error:
            raise NotSentError(
                f"the request for {model} was not sent: it cannot be written as JSON ({type(error).__name__})"
            ) from None
        wire = Wire(fresh)
        answer: ProviderAnswer | None = None
        fault: Exception | None = None
        try:
            async with (
                asyncio.timeout(self._post_timeout),
                posts.stream(
                    "POST",
                    f"{self._base}/videos/generations",
                    content=content,
                    headers={"Content-Type": "application/json"},
                    extensions={"trace": wire.trace},
                ) as response,
            ):
                answer = ProviderAnswer(response.status_code, response.headers)
                await answer.read(response)
        except Exception as error:  # noqa: BLE001 - every way it can break is classed below, none gets past
            fault = error
        return settle(answer, fault, began=wire.began, model=model, secret=self._key)

    async def poll(self, task_id: str) -> tasks.ProviderTask:
        """Ask for a task, once. It costs nothing.

        Raises:
            KeyRefusedError: 401 or 403.
            UnknownTaskError: 404.
            RateLimitedError: 429.
            ProviderUnavailableError: any other answer than the task's envelope, or none.
        """
        if not is_task_id(task_id):
            raise UnknownTaskError(
                f"{clean(task_id, limit=40)!r} is not a task id", status=404, code=None, request_id=None
            )
        place = f"the poll of task {task_id}"
        answer = await self._get(f"/tasks/{task_id}", place)
        if answer.status == 404:
            complaint = Complaint.of(answer.document(), secret=self._key)
            raise UnknownTaskError(
                f"{place} answered 404{_in_brackets(complaint)}",
                status=404,
                code=complaint.code,
                request_id=complaint.request_id,
            )
        document = self._document(answer, place)
        named = _named_id(document)
        if named not in (None, task_id):
            self._unusable(place, "with the envelope of another task")
        if not isinstance(document.get("status"), str):
            self._unusable(place, "without a status")
        return tasks.parse(document, task_id=task_id, secret=self._key)

    async def wait(
        self,
        task_id: str,
        *,
        longest: float,
        kind: str = "",
        going: float = 0.0,
    ) -> tasks.ProviderTask:
        """Poll until the task ended, and return it as it ended, completed or failed.

        A poll that fails changes nothing: 429, 5xx, lost connections and garbage mean "ask again" (provider-contract.md §3).
        As soon as this client has seen a task of the same kind complete, polls come when the end is expected.

        Args:
            task_id: as accepted.
            longest: seconds to wait in all. At least one poll is made, and one at the very end.
            kind: a name for tasks that take about as long.
            going: seconds since it was accepted.

        Raises:
            PollTimeoutError: it was still going on after `longest`.
            KeyRefusedError, UnknownTaskError: the fourth such answer in a row. Until a first answer knows the task, 404 is asked
                again for `PollCadence.unknown` seconds: a new task may not be known everywhere yet.
        """
        return await self._waits.until_ended(self.poll, task_id, longest=longest, kind=kind, going=going)

    async def balance(self) -> int | None:
        """Return the whole credits the account holds; None where the provider does not offer it (404).

        Raises:
            KeyRefusedError: 401 or 403.
            RateLimitedError: 429.
            ProviderUnavailableError: no usable answer.
        """
        answer = await self._get("/balance", "the balance")
        if answer.status == 404:
            return None
        amount = whole(self._document(answer, "the balance").get("balance"))
        if amount is None:
            self._unusable("the balance", "without a whole number of credits")
        return amount

    async def fetch(self, url: str, into: Path, *, limit: int, kind: DownloadKind) -> Fetched:
        """Copy a result to a local file: streamed, checked, and there whole or not at all.

        Transient failures are repeated, from where they broke off when the server allows it.

        Args:
            url: public http(s); up to 5 redirects are followed, each checked. On loopback only where the provider is.
            into: the file to make or replace; its folder exists.
            limit: bytes beyond which it is refused.
            kind: what the first bytes must say: "video" MP4, "image" PNG, "any" nothing.

        Raises:
            UrlRefusedError: the URL, or one it redirects to, must not be fetched.
            MediaError: not what was asked for, too long, or gone (then its attribute `expired` is true).
            ProviderUnavailableError: it could not be copied now.
            StoreError: the file could not be written.
        """
        return await self._opened().media.fetch(url, into, limit=limit, kind=kind)

    async def check_readable(self, url: str, *, digest_bytes: int | None = None, head: bool = True) -> Readable:
        """Check that an input URL about to be sent can be read, and has the length expected: a GET of its first byte decides.

        Args:
            url: the input's.
            digest_bytes: bytes of the file that it should serve; None when unknown.
            head: also ask whether it answers HEAD, on which providers differ. The answer is reported and decides nothing.

        Raises:
            UrlRefusedError: the provider could not read it; says what to do.
            ProviderUnavailableError: its host did not answer usefully now.
        """
        # Through a proxy on this machine the provider reads none of this machine's URLs.
        here = self.realm == "loopback"
        return await self._opened().media.check_readable(url, digest_bytes=digest_bytes, head=head, here=here)

    def _opened(self) -> HttpClients:
        if self._open is None:
            raise RuntimeError("use `async with Provider(…) as provider`")
        return self._open

    async def _get(self, path: str, place: str) -> ProviderAnswer:
        gets = self._opened().gets
        try:
            async with asyncio.timeout(GET_TIMEOUT), gets.stream("GET", f"{self._base}{path}") as response:
                answer = ProviderAnswer(response.status_code, response.headers)
                await answer.read(response)
        except (httpx.HTTPError, TimeoutError) as error:
            message = f"{place} did not go through: {type(error).__name__}"
            raise ProviderUnavailableError(message, retry_after=None) from None
        complaint = Complaint.of(answer.document(), secret=self._key)
        message = f"{place} answered {answer.status}{_in_brackets(complaint)}"
        if answer.status in (401, 403):
            raise KeyRefusedError(message, status=answer.status, code=complaint.code, request_id=complaint.request_id)
        if answer.status == 429:
            raise RateLimitedError(message, retry_after=answer.retry_after, status=429)
        if answer.status not in (200, 404):
            raise ProviderUnavailableError(message, retry_after=answer.retry_after)
        return answer

    def _document(self, answer: ProviderAnswer, place: str) -> dict[str, Any]:
        document = answer.document()
        if document is None:
            kind = clean(answer.headers.get("content-type", "no content type"), secret=self._key, limit=80)
            self._unusable(place, f"with something that is not a JSON object ({kind})")
        return document

    def _unusable(self, place: str, what: str) -> NoReturn:
        raise ProviderUnavailableError(f"{place} answered {what}", retry_after=None)


def _named_id(document: Mapping[str, Any]) -> str | None:
    if document.get("id") is None and document.get("task_id") is None:
        return None
    return task_id(dict(document)) or "unusable"


def _in_brackets(complaint: Complaint) -> str:
    return f" ({complaint})" if str(complaint) else ""
