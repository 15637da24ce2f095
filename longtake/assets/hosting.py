"""What one run knows of where the provider reads its inputs.

What is remembered here holds signed URLs and URLs of the provider. It lives and ends with the session, and shows none of them.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from longtake.media.streams.facts import Probe


@dataclass(frozen=True, slots=True)
class UrlSource:
    """What a URL served when this run read it, and where that is kept."""

    sha256: str
    key: str
    facts: Probe


@dataclass(slots=True)
class ObjectUrl:
    """A URL of an object that was looked at; `until` is when it stops working (seconds since 1970)."""

    url: str = field(repr=False)
    until: float
    number: int = 0
    """How many addresses the object had before this one in the run."""


@dataclass(slots=True)
class FrameUrl:
    """A frame's URL at the provider, None once it was found dead; `since` and `seen` are seconds since 1970."""

    url: str | None = field(repr=False)
    since: float
    seen: float = 0.0
    """When it was last found to live."""
    asked: bool = False
    """Whether it comes from asking the frame's task again, which is done once in a run."""


@dataclass
class Hosting:
    """What one run has put, read and looked at."""

    locks: defaultdict[str, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock), repr=False)
    """One for each thing that is done once, held while it is done."""
    keys: dict[str, str] = field(default_factory=dict)
    """Where the bytes of a digest lie."""
    addresses: dict[str, ObjectUrl] = field(default_factory=dict, repr=False)
    """The newest URL of an object, by its key."""
    frames: dict[str, FrameUrl] = field(default_factory=dict, repr=False)
    """Frames at the provider, by their digest."""
    sources: dict[str, UrlSource] = field(default_factory=dict, repr=False)
    """What inputs given as URLs serve, by their URL."""
    asked_head: set[tuple[str, bool]] = field(default_factory=set, repr=False)
    warned: set[str] = field(default_factory=set)
