"""A picture in a page of Markdown."""

from __future__ import annotations

import base64
import re

__all__ = ["picture"]

_PICTURE_LIMIT = 300_000
"""Bytes of a picture that is put into a page."""
_PUBLIC = re.compile(r"https?://[^\s<>()\[\]`\\?#@]+")
"""An address that can stand in a page: nothing in it is a secret or means something in Markdown."""


def picture(name: str, data: bytes | None, *, url: str | None) -> list[str]:
    """Markdown that shows a JPEG: from its public URL where there is one, else from within the page when it is small.

    Nothing where neither can be: image artifacts, and pages too, show public URLs only.
    """
    if url is not None and _PUBLIC.fullmatch(url):
        return [f"![{name}]({url})"]
    if data is None or len(data) > _PICTURE_LIMIT:
        return []
    return [f"![{name}](data:image/jpeg;base64,{base64.b64encode(data).decode()})"]
