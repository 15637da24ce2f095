"""Check that others can read the store: put a small object there and request its URL as the provider would."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import secrets
from typing import TYPE_CHECKING, Literal
from urllib.parse import parse_qs, urlsplit

from longtake.errors import StoreError, UrlRefusedError
from longtake.ledger.realm import host_of, realm_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from longtake.settings import Settings
    from longtake.store import Store

    Said = tuple[Literal["ok", "warn", "bad"], str]

_ASKED = 16  # bytes of the object asked for by range
_TIMEOUT = 10.0  # seconds
_ELSEWHERE = "use a bucket that it can reach, or set LONGTAKE_PUBLIC_URL to a base URL that it can"
_PUBLIC = "set LONGTAKE_PUBLIC_URL to a base URL that answers both"


def look(store: Store, settings: Settings) -> Iterator[Said]:
    """Put an object, request it without a key, and delete it if that is allowed. URLs are shown without their signature.

    Raises:
        StoreError: the object could not be put.
        SettingsError: there are no usable credentials.
        ProviderUnavailableError: the URL's host is unknown.
    """
    from longtake.provider import check_url

    body = f"longtake doctor was here: {secrets.token_hex(16)}\n".encode()
    # Under media/, because only that may be public, and with a name like every other object there.
    key = f"media/{hashlib.sha256(body).hexdigest()}.bin"
    url = store.url_for_others(key)
    if url is None:
        yield "warn", "the provider cannot read this store: set LONGTAKE_PUBLIC_URL for references and chains"
        return
    try:
        check_url(url, allow_loopback=realm_of(host_of(settings, store)) == "loopback")
    except UrlRefusedError as error:
        yield "bad", f"the provider cannot read this store: {error.message}: {_ELSEWHERE}"
        return
    store.put_if_absent(key, body, content_type="application/octet-stream")
    try:
        yield from _ask(url, body, public=settings.public_url)
    finally:
        with contextlib.suppress(StoreError):
            store.delete([key])


def _ask(url: str, body: bytes, *, public: str | None) -> Iterator[Said]:
    import httpx

    from longtake.provider.url_safety import shown

    # Otherwise httpx logs the URL with its signature.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    kind = f"the public base URL {public}" if public else "a presigned URL"
    try:
        with httpx.Client(timeout=_TIMEOUT, headers={"Accept-Encoding": "identity"}) as client:
            part = client.get(url, headers={"Range": f"bytes=0-{_ASKED - 1}"})
            head = client.head(url)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        yield "bad", f"{kind} does not answer here: {type(error).__name__} for {shown(url)}"
        return
    if part.status_code not in {200, 206}:
        why = "it serves another store, or media/ is not public" if public else "check the clock and the credentials"
        yield "bad", f"{kind} answers GET with {part.status_code} for an object that is there: {why} ({shown(url)})"
        return
    if part.content != (body[:_ASKED] if part.status_code == 206 else body):
        yield "bad", f"{kind} serves other bytes than this store holds: it belongs to another store ({shown(url)})"
        return
    yield _headed(head, len(body), kind=kind, public=public)
    if not public and "X-Amz-Security-Token" in parse_qs(urlsplit(url).query):
        text = "presigned URLs here end with the session credentials that sign them, often after an hour"
        yield "warn", f"{text}: sign with long-lived keys, or {_PUBLIC}"


def _headed(head: httpx.Response, size: int, *, kind: str, public: str | None) -> Said:
    length = head.headers.get("content-length")
    if head.status_code != 200:
        found = f"{kind} answers GET but not HEAD ({head.status_code}), which some providers probe with"
        return "warn", f"{found}: " + (f"let {public} answer HEAD too" if public else _PUBLIC)
    if length not in {None, str(size)}:
        return "warn", f"{kind} answers HEAD with another size ({length}) than the object has ({size} bytes)"
    return "ok", f"others read the store: {kind} answers GET and HEAD"
