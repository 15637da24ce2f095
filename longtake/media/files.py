"""Write next to the target and rename: the file appears whole or not at all."""

from __future__ import annotations

import contextlib
import uuid
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextlib.contextmanager
def replacing(into: Path) -> Iterator[Path]:
    """A name next to `into` to write to; renamed over `into` if the block succeeds, else removed."""
    part = into.with_name(f".{uuid.uuid4().hex}.part")
    try:
        yield part
        part.replace(into)
    finally:
        part.unlink(missing_ok=True)
