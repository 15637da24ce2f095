"""Storyboards behind a URL: http(s), and objects of an S3 bucket. No password or signature of a URL is shown."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from longtake import store as stores
from longtake.errors import SettingsError, StoryboardError
from longtake.storyboard.problem import bare_url

if TYPE_CHECKING:
    from longtake.settings import S3Settings

TIMEOUT = 30.0
"""Seconds to connect, and to wait for the next bytes."""
_LONGEST_NAME = 200
LONGEST = 60.0
"""Seconds to read the whole, however slowly a server sends."""


def read(url: str, *, limit: int, s3: S3Settings | None = None) -> tuple[bytes, str]:
    """Read what a URL serves, and return it with the URL's name in messages.

    At most one block more than `limit` bytes are read: the caller refuses what is larger.

    Raises:
        StoryboardError: it cannot be read.
        StoreError: the S3 server cannot be read.
    """
    name = _name(url)
    if url.startswith("s3://"):
        return _object(url, name, s3), name
    return _served(url, name, limit), name


def _object(url: str, name: str, s3: S3Settings | None) -> bytes:
    bucket, _, key = url.removeprefix("s3://").partition("/")
    try:
        data = stores.open(f"s3://{bucket}", s3=s3).get(key) if key else None
    except SettingsError:
        raise StoryboardError(
            f"{name} is not s3://bucket/key", next_step="check the bucket and the key", source=name
        ) from None
    if data is None:
        raise StoryboardError(f"{name} is not there", next_step="check the bucket and the key", source=name)
    return data


def _served(url: str, name: str, limit: int) -> bytes:
    import httpx  # noqa: PLC0415 - only for storyboards behind a URL

    logging.getLogger("httpx").addFilter(_HIDE_QUERIES)
    data = bytearray()
    end = time.monotonic() + LONGEST
    try:
        with httpx.Client(follow_redirects=True, timeout=TIMEOUT) as client, client.stream("GET", url) as answer:
            if answer.status_code != httpx.codes.OK:
                step = "check the URL, and its signature if it has one"
                raise StoryboardError(f"{name} answered {answer.status_code}", next_step=step, source=name)
            for part in answer.iter_bytes():
                data += part
                if len(data) > limit:
                    break
                if time.monotonic() > end:
                    raise _unreadable(name, "the server takes longer than a minute")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise _unreadable(name, type(error).__name__) from None
    return bytes(data)


def _name(url: str) -> str:
    try:
        urlsplit(url).port  # noqa: B018 - a password with a slash or a question mark in it would pass for a host and a port
    except ValueError:
        return "an unreadable URL"
    shown = "".join(char if char.isprintable() else "?" for char in bare_url(url))
    return shown if len(shown) <= _LONGEST_NAME else shown[: _LONGEST_NAME - 1] + "…"


def _unreadable(name: str, why: str) -> StoryboardError:
    return StoryboardError(f"{name} cannot be read: {why}", next_step="check the URL and run again", source=name)


class _HideQueries(logging.Filter):
    """httpx logs the whole URL of every request, with its signature, at INFO."""

    def filter(self, record: logging.LogRecord) -> bool:
        import httpx  # noqa: PLC0415 - already loaded where logging is set up

        if isinstance(record.args, tuple):
            record.args = tuple(_name(str(arg)) if isinstance(arg, httpx.URL) else arg for arg in record.args)
        return True


_HIDE_QUERIES = _HideQueries()
