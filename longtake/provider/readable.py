"""A look at an input's URL before it is sent: a GET of its first byte decides, HEAD is only asked to know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx

from longtake.errors import ProviderUnavailableError, UrlRefusedError
from longtake.provider import url_safety
from longtake.provider.answers import clean
from longtake.provider.partial_download import RANGE, number, unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractAsyncContextManager

    Open = Callable[[str, str, Mapping[str, str]], AbstractAsyncContextManager[httpx.Response]]


@dataclass(frozen=True, slots=True)
class Readable:
    """An input URL that can be read.

    Attributes:
        bytes: the size of what it serves, None when it did not say.
        content_type: as the server said, cleaned, without parameters; None when it said nothing.
        head: whether it answers HEAD too, None when that was not asked or is not known.
    """

    bytes: int | None
    content_type: str | None
    head: bool | None


async def look(open_: Open, url: str, *, size: int | None, head: bool) -> Readable:
    """Ask for the first byte, and for the headers alone when `head` says so.

    Raises:
        UrlRefusedError: it cannot be read, or does not serve `size` bytes.
        ProviderUnavailableError: its host did not answer usefully now.
    """
    name = url_safety.shown(url)
    try:
        async with open_("GET", url, {"Range": "bytes=0-0"}) as response:
            status = response.status_code
            if status == 429 or status >= 500:
                raise unavailable(response, f"the input URL {name} answered {status}")
            if status not in (200, 206):
                raise UrlRefusedError(
                    f"the input URL {name} answered {status}, so the provider could not read it",
                    next_step="make it public, or set LONGTAKE_PUBLIC_URL to a base under which the store can be read",
                    status=status,
                )
            span = RANGE.fullmatch(response.headers.get("content-range", "")) if status == 206 else None
            whole = response.headers.get("content-length") if status == 200 else None
            length = number(span[2] if span else whole)
            kind = clean(response.headers.get("content-type", "").partition(";")[0].strip().lower(), limit=100) or None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        message = f"the input URL {name} could not be requested: {type(error).__name__}"
        raise ProviderUnavailableError(message, retry_after=None) from None
    if size is not None and length is not None and length != size:
        raise UrlRefusedError(
            f"the input URL {name} serves {length} bytes where the file has {size}",
            next_step="point LONGTAKE_PUBLIC_URL at a URL that serves this store",
        )
    return Readable(length, kind, await _answers_head(open_, url) if head else None)


async def _answers_head(open_: Open, url: str) -> bool | None:
    try:
        async with open_("HEAD", url, {}) as response:
            status = response.status_code
    except (httpx.HTTPError, httpx.InvalidURL, ProviderUnavailableError):
        return None
    except UrlRefusedError:
        return False
    if status == 429 or (status >= 500 and status != 501):
        return None
    return status == 200
