"""Fetching of public files: results from the provider's CDN, and a look at inputs before they are sent.

Requests here never carry the key. Every hop is checked before it is asked: its form, the addresses of its host, and
the address the connection really has, before a byte of the request leaves.
"""

from __future__ import annotations

import asyncio
import secrets
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, ParamSpec, TypeVar

import httpx

from longtake.errors import MediaError, ProviderUnavailableError, StoreError, UrlRefusedError
from longtake.provider import url_safety
from longtake.provider.partial_download import (
    DownloadKind,
    Fetched,
    PartialDownload,
    unavailable,
)
from longtake.provider.readable import Readable, look

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from pathlib import Path

    from longtake.provider.polling import PollCadence

P = ParamSpec("P")
T = TypeVar("T")

MOST_HOPS = 5
"""Redirects followed for one request."""
ATTEMPTS = 4
"""Tries of one fetch or look. GETs are free."""
BLOCK = 1024 * 1024
"""Bytes gathered before they are handed on."""

_EXPIRED = (403, 404, 410)


class MediaClients:
    """The clients that fetch public files; `open_client` makes one for a proxy, or for none."""

    def __init__(
        self,
        open_client: Callable[[str | None], httpx.AsyncClient],
        *,
        allow_loopback: bool,
        cadence: PollCadence,
        timeout: float,
    ) -> None:
        self._open_client = open_client
        self._clients: dict[str | None, httpx.AsyncClient] = {}
        self._allow_loopback = allow_loopback
        self._cadence = cadence
        self._timeout = timeout

    async def aclose(self) -> None:
        """Close every connection."""
        clients, self._clients = self._clients, {}
        for client in clients.values():
            await client.aclose()

    async def fetch(self, url: str, into: Path, *, limit: int, kind: DownloadKind) -> Fetched:
        """Copy a file; `Provider.fetch` documents it."""
        partial = into.with_name(f".fetch-{secrets.token_hex(8)}.part")
        try:
            with partial.open("xb") as file:
                fetched = await self._copy(url, file, limit=limit, kind=kind)
            partial.replace(into)
        except OSError as error:
            raise StoreError(
                f"the download of {url_safety.shown(url)} could not be written: {error.strerror or error}",
                next_step="free disk space, then run again: the provider keeps the file for a while",
                key=into.name,
            ) from error
        finally:
            partial.unlink(missing_ok=True)
        return fetched

    async def _copy(self, url: str, into: BinaryIO, *, limit: int, kind: DownloadKind) -> Fetched:
        part = PartialDownload(into, kind=kind, limit=limit, url=url_safety.shown(url))
        pace = self._cadence.start()
        try:
            async with asyncio.timeout(self._timeout):
                for attempt in range(1, ATTEMPTS + 1):
                    try:
                        await self._pull(url, part)
                        break
                    except ProviderUnavailableError as error:
                        if attempt == ATTEMPTS:
                            raise
                        await asyncio.sleep(pace.after_fault(error.retry_after))
        except TimeoutError:
            message = f"the download of {part.url} took longer than {self._timeout:g} s"
            raise ProviderUnavailableError(message, retry_after=None) from None
        return Fetched(sha256=part.digest.hexdigest(), bytes=part.size, content_type=part.content_type)

    async def check_readable(self, url: str, *, digest_bytes: int | None, head: bool, here: bool) -> Readable:
        """Look whether others can read a URL, `here` whether these are on this machine; `Provider.check_readable` documents it."""
        pace = self._cadence.start()
        for attempt in range(1, ATTEMPTS + 1):
            try:
                if not here:
                    await asyncio.to_thread(url_safety.check_url, url, allow_loopback=False)
                return await look(self._open, url, size=digest_bytes, head=head)
            except UrlRefusedError as error:
                raise _unreachable(error) from None
            except ProviderUnavailableError as error:
                if attempt == ATTEMPTS:
                    raise
                await asyncio.sleep(pace.after_fault(error.retry_after))
        raise AssertionError("the last attempt returns or raises")

    async def _pull(self, url: str, part: PartialDownload) -> None:
        try:
            async with self._open("GET", url, await _in_thread(part.resume)) as response:
                if response.status_code in _EXPIRED:
                    raise MediaError(
                        f"{part.url} answered {response.status_code}: the URL expired or the file is gone",
                        next_step="poll the task again for a fresh URL; polling costs nothing",
                        status=response.status_code,
                        expired=True,
                    )
                if response.status_code not in (200, 206):
                    await _in_thread(part.restart)
                    raise unavailable(response, f"{part.url} answered {response.status_code}")
                await _in_thread(part.begin, response)
                block = bytearray()
                async for chunk in response.aiter_raw():
                    block += chunk
                    part.admit(block)
                    if len(block) >= BLOCK:
                        await _in_thread(part.write, bytes(block))
                        block.clear()
                await _in_thread(part.write, bytes(block))
                part.end()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            message = f"the download of {part.url} broke off: {type(error).__name__}"
            raise ProviderUnavailableError(message, retry_after=None) from None

    @asynccontextmanager
    async def _open(self, method: str, url: str, headers: Mapping[str, str]) -> AsyncIterator[httpx.Response]:
        for _ in range(MOST_HOPS + 1):
            await asyncio.to_thread(url_safety.check_url, url, allow_loopback=self._allow_loopback)
            proxy = url_safety.proxy_for(httpx.URL(url))
            if proxy not in self._clients:
                self._clients[proxy] = self._open_client(proxy)
            client = self._clients[proxy]
            peer = _Peer(url, allow_loopback=self._allow_loopback)
            extensions = {"trace": peer.trace} if proxy is None else {}
            request = client.build_request(method, url, headers=headers, extensions=extensions)
            try:
                response = await client.send(request, stream=True, follow_redirects=False)
            except UnicodeError:  # httpx reads where a redirect leads also when it does not follow it
                raise UrlRefusedError(f"{url_safety.shown(url)} redirects to an invalid host") from None
            try:
                if proxy is None:
                    peer.check(response.extensions.get("network_stream"))
                if not response.has_redirect_location:
                    yield response
                    return
                target = str(response.url.join(response.headers["location"]))
            finally:
                await response.aclose()
            if url.lower().startswith("https:") and not target.lower().startswith("https:"):
                raise UrlRefusedError(f"{url_safety.shown(url)} redirects from https to {url_safety.shown(target)}")
            url = target
        raise UrlRefusedError(f"{url_safety.shown(url)} is one of more than {MOST_HOPS} redirects")


async def _in_thread(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call `asyncio.to_thread`; if cancelled, wait for the call to end, because it writes to the caller's file."""
    running = asyncio.ensure_future(asyncio.to_thread(call, *args, **kwargs))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.gather(running, return_exceptions=True)
        raise


def _unreachable(error: UrlRefusedError) -> UrlRefusedError:
    """Say of an input URL what to do about it, where nothing better has been said."""
    if error.next_step != UrlRefusedError.default_next_step:
        return error
    step = (
        "set LONGTAKE_PUBLIC_URL to a public base under which the store can be read: "
        "a remote provider cannot reach private or loopback addresses"
    )
    return UrlRefusedError(error.message, next_step=step)


class _Peer:
    """The address a connection really has: a name may resolve otherwise than when it was checked."""

    def __init__(self, url: str, *, allow_loopback: bool) -> None:
        self._url = url
        self._allow_loopback = allow_loopback

    async def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Refuse a fresh connection before the request goes out on it."""
        if event == "connection.connect_tcp.complete":
            try:
                self.check(info["return_value"])
            except UrlRefusedError:
                await info["return_value"].aclose()
                raise

    def check(self, stream: Any) -> None:  # noqa: ANN401 - httpcore's network stream, or none with another transport
        address = stream.get_extra_info("server_addr") if stream is not None else None
        if address:
            url_safety.check_address(str(address[0]), url=self._url, allow_loopback=self._allow_loopback)
