"""Pictures in Markdown."""

from __future__ import annotations

import base64
import re

_PICTURE_LIMIT = 300_000
"""Bytes of the largest picture that is embedded in a page."""
_PUBLIC = re.compile(r"https?://[^\s<>()\[\]`\\?#@]+")
"""An address that is safe in a page: it holds no secret and no Markdown."""


def picture(name: str, data: bytes | None, *, url: str | None) -> list[str]:
    """Markdown that shows a JPEG: by its public URL, else embedded if it is small; an empty list if neither works."""
    if url is not None and _PUBLIC.fullmatch(url):
        return [f"![{name}]({url})"]
    if data is None or len(data) > _PICTURE_LIMIT:
        return []
    return [f"![{name}](data:image/jpeg;base64,{base64.b64encode(data).decode()})"]
