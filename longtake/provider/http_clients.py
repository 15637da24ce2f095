"""The connection pools of one provider account."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import httpx

from longtake.errors import SettingsError, UrlRefusedError
from longtake.provider import url_safety
from longtake.provider.download import MediaClients
from longtake.version import VERSION

if TYPE_CHECKING:
    from pydantic import SecretStr

    from longtake.provider.polling import PollCadence

log = logging.getLogger("longtake.provider")

GET_TIMEOUT = 30.0
"""Seconds for one poll or one reading of the balance, in all."""
_IDLE = 4.0
"""Seconds a connection is kept without use: many servers close it after 5, and a request sent just then is lost and waits."""
CHUNK_TIMEOUT = 60.0
"""Seconds without a byte after which a download counts as broken off."""


@dataclass(frozen=True, slots=True)
class HttpClients:
    """Three pools over one TLS context.

    Polls keep their connections alive. The paid POST has a pool that keeps none, so it always travels on a connection
    made for it: a kept one may have been closed by the other side, and a reset on it cannot be distinguished from a reset
    after the request was read. Media has clients of its own, which never hold the key.
    """

    gets: httpx.AsyncClient
    posts: httpx.AsyncClient
    media: MediaClients

    @classmethod
    async def open(
        cls,
        *,
        key: SecretStr,
        loopback: bool,
        transport: httpx.AsyncBaseTransport | None,
        post_timeout: float,
        connect_timeout: float,
        fetch_timeout: float,
        cadence: PollCadence,
    ) -> Self:
        """Make the pools; nothing is connected yet. All times are in seconds."""
        quieten_httpx()
        tls = await asyncio.to_thread(httpx.create_ssl_context)
        public = {"User-Agent": f"longtake/{VERSION}", "Accept-Encoding": "identity"}
        private = {**public, "Authorization": f"Bearer {key.get_secret_value()}", "Accept": "application/json"}
        common: dict[str, Any] = {"verify": tls, "transport": transport, "follow_redirects": False}

        def open_public(proxy: str | None) -> httpx.AsyncClient:
            timeout = httpx.Timeout(CHUNK_TIMEOUT, connect=connect_timeout, pool=None)
            limits = httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=_IDLE)
            return httpx.AsyncClient(
                headers=public, trust_env=False, proxy=proxy, timeout=timeout, limits=limits, **common
            )

        return cls(
            gets=httpx.AsyncClient(
                headers=private,
                trust_env=not loopback,
                timeout=httpx.Timeout(GET_TIMEOUT, connect=connect_timeout),
                limits=httpx.Limits(max_connections=32, max_keepalive_connections=8, keepalive_expiry=_IDLE),
                **common,
            ),
            posts=httpx.AsyncClient(
                headers=private,
                trust_env=not loopback,
                timeout=httpx.Timeout(post_timeout, connect=connect_timeout),
                limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
                **common,
            ),
            media=MediaClients(open_public, allow_loopback=loopback, cadence=cadence, timeout=fetch_timeout),
        )

    async def aclose(self) -> None:
        """Close every connection."""
        await self.posts.aclose()
        await self.gets.aclose()
        await self.media.aclose()


class _QueryFilter(logging.Filter):
    """httpx logs whole URLs at INFO: presigned ones would put their signature into any log that listens."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(
                url_safety.shown(str(arg)) if isinstance(arg, httpx.URL) else arg for arg in record.args
            )
        return True


def quieten_httpx() -> None:
    """Keep what follows the path of a URL out of httpx's own log lines."""
    logger = logging.getLogger("httpx")
    if not any(isinstance(item, _QueryFilter) for item in logger.filters):
        logger.addFilter(_QueryFilter())


def checked_base(base_url: str) -> str:
    """Return the base URL without a slash at its end.

    Raises:
        SettingsError: it cannot be one.
    """
    try:
        parts = url_safety.check_form(base_url)
    except UrlRefusedError as error:
        raise SettingsError(f"the provider's base URL is unusable: {error.message}") from None
    if parts.query or parts.fragment:
        raise SettingsError(f"the provider's base URL {url_safety.shown(base_url)} has a query or a fragment")
    if parts.scheme == "http" and not url_safety.is_loopback(parts.host):
        log.warning("the base URL %s is not https: the key is sent unencrypted", url_safety.shown(base_url))
    return base_url.rstrip("/")


def checked_key(key: SecretStr) -> SecretStr:
    """Return the key, once it is known to fit a header.

    Raises:
        SettingsError: it does not; the message does not show it.
    """
    value = key.get_secret_value()
    if not value or not value.isascii() or not value.isprintable() or " " in value:
        raise SettingsError(
            "the API key is empty or holds characters that no key holds",
            next_step="set LONGTAKE_API_KEY to the key alone",
        )
    return key
