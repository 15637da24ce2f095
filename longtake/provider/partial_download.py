"""What a download brings, checked as it grows, and where it goes."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Literal

from longtake.errors import MediaError, ProviderUnavailableError
from longtake.provider.answers import clean, retry_after

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx

DownloadKind = Literal["video", "image", "any"]

RANGE = re.compile(r"bytes (\d{1,15})-\d{1,15}/(\d{1,15}|\*)")
"""A `Content-Range` of one span."""

_SNIFFED = 512
_NAMES: Mapping[DownloadKind, str] = {"video": "MP4", "image": "PNG", "any": "a file"}
_STRONG_TAG = re.compile(r'"[\x21\x23-\x7e]{1,256}"')


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file that was copied whole.

    Attributes:
        sha256: lower-case hex digest of its bytes.
        bytes: its size.
        content_type: as the server said, cleaned, without parameters; None when it said nothing.
    """

    sha256: str
    bytes: int
    content_type: str | None


class PartialDownload:
    """What a download brought so far: its size, its digest, and how to ask for the rest.

    `resume`, `begin`, `write` and `restart` block, as the file does.
    """

    def __init__(self, into: BinaryIO, *, kind: DownloadKind, limit: int, url: str) -> None:
        self.url = url
        self.content_type: str | None = None
        self._into = into
        self._kind = kind
        self._limit = limit
        self._tag: str | None = None
        self._total: int | None = None
        self._empty()

    def restart(self) -> None:
        """Forget what was written."""
        if self.size:
            self._into.seek(0)
            self._into.truncate()
        self._empty()

    def _empty(self) -> None:
        self.digest = hashlib.sha256()
        self.size = 0
        self._sniffed = self._kind == "any"

    def resume(self) -> dict[str, str]:
        """Ask for the rest where the server gave a strong tag to ask by, else for the whole."""
        if self.size and self._tag is not None:
            return {"Range": f"bytes={self.size}-", "If-Range": self._tag}
        self.restart()
        return {}

    def begin(self, response: httpx.Response) -> None:
        """Take the headers of an answer; decide between going on and starting over."""
        encoding = response.headers.get("content-encoding", "identity").strip().lower()
        if encoding not in ("", "identity"):
            raise MediaError(
                f"{self.url} came with the content encoding {clean(encoding, limit=40)}, which was not requested"
            )
        length = number(response.headers.get("content-length"))
        if response.status_code == 206:
            span = RANGE.fullmatch(response.headers.get("content-range", ""))
            if span is None or int(span[1]) != self.size or not self.size:
                self._tag = None
                raise unavailable(response, f"{self.url} answered with another range than requested")
            self._total = number(span[2])
        else:
            self.restart()
            self._total = length
            tag = response.headers.get("etag", "")
            self._tag = tag if _STRONG_TAG.fullmatch(tag) else None
            kind = response.headers.get("content-type", "").partition(";")[0]
            self.content_type = clean(kind, limit=100) or None
        if self._total is not None and self._total > self._limit:
            raise MediaError(f"{self.url} is {self._total} bytes long; at most {self._limit} are taken")

    def admit(self, block: bytearray) -> None:
        """Check what arrived and is not written yet: the limit, and the first bytes."""
        if self.size + len(block) > self._limit:
            raise MediaError(f"{self.url} is longer than the {self._limit} bytes that are taken")
        if not self._sniffed and self.size == 0 and len(block) >= _SNIFFED:
            self._sniff(bytes(block[:_SNIFFED]))

    def write(self, block: bytes) -> None:
        """Append; the first block is looked at even when the file ends within it."""
        if not self._sniffed and self.size == 0:
            self._sniff(block[:_SNIFFED])
        self._into.write(block)
        self.digest.update(block)
        self.size += len(block)

    def end(self) -> None:
        """Check the length."""
        if self._total is not None and self.size != self._total:
            message = f"{self.url} ended after {self.size} of {self._total} bytes"
            raise ProviderUnavailableError(message, retry_after=None)
        if not self.size:
            raise MediaError(f"{self.url} is empty")

    def _sniff(self, head: bytes) -> None:
        if not head:
            return  # `end` says that it is empty
        if self._kind == "video" and head[4:8] != b"ftyp":
            self._wrong(head)
        if self._kind == "image" and not head.startswith(b"\x89PNG\r\n\x1a\n"):
            self._wrong(head)
        self._sniffed = True

    def _wrong(self, head: bytes) -> None:
        text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
        html = text.startswith((b"<!doctype html", b"<html")) or self.content_type == "text/html"
        got = "HTML" if html else f"something else ({self.content_type or 'no content type'})"
        raise MediaError(f"the provider sent {got} instead of {_NAMES[self._kind]} from {self.url}")


def unavailable(response: httpx.Response, message: str) -> ProviderUnavailableError:
    """Build the error of an answer that may be better later, with its `Retry-After`."""
    wait = retry_after(response.headers.get("retry-after"), now=response.headers.get("date"))
    return ProviderUnavailableError(message, retry_after=wait)


def number(value: str | None) -> int | None:
    """Read a header that is a count of bytes; None for anything else."""
    return int(value) if value is not None and re.fullmatch(r"[0-9]{1,15}", value) else None
