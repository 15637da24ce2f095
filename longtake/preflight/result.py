"""What one check found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from longtake.errors import LongtakeError

CheckedPart = Literal["media", "store", "disk", "catalog"]


@dataclass(frozen=True, slots=True)
class Checked:
    """A part that works: what was tried, in words, and the versions it was tried with, by name."""

    part: CheckedPart
    text: str
    versions: tuple[tuple[str, str], ...] = ()


def reason(error: Exception) -> str:
    """Say in one line what an exception says; the class is named unless the error is Longtake's own."""
    if isinstance(error, LongtakeError):
        return error.message
    said = " ".join(str(error).split())[:300]
    return f"{type(error).__name__}: {said}" if said else type(error).__name__
