"""What one run knows of where the provider reads its inputs, and which of them it can be given at all.

What is remembered here holds signed URLs and URLs of the provider. It lives and ends with the session, and shows none of them.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from longtake.record import Frame, Take
    from longtake.request import ResolvedShot
    from longtake.take.session import Session
    from longtake.take.sources import Source

__all__ = ["Address", "Handed", "Hosting", "can_hand_on", "can_host", "needs_host", "of", "remember_frame"]

DAY = 24 * 3600
HANDED_ON = DAY
"""Seconds after a take was kept in which the provider may still serve its frame (contract §1: 24 hours, or 7 days)."""


@dataclass(slots=True)
class Address:
    """A URL of an object that was looked at; `until` is when it stops working (seconds since 1970)."""

    url: str = field(repr=False)
    until: float
    number: int = 0
    """How many addresses the object had before this one in the run."""


@dataclass(slots=True)
class Handed:
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
    addresses: dict[str, Address] = field(default_factory=dict, repr=False)
    """The newest URL of an object, by its key."""
    frames: dict[str, Handed] = field(default_factory=dict, repr=False)
    """Frames at the provider, by their digest."""
    sources: dict[str, Source] = field(default_factory=dict, repr=False)
    """What inputs given as URLs serve, by their URL."""
    asked_head: set[tuple[str, bool]] = field(default_factory=set, repr=False)
    warned: set[str] = field(default_factory=set)


def of(session: Session) -> Hosting:
    """What this session's run knows."""
    return session.hosting


def can_host(session: Session) -> bool:
    """Whether the store has URLs for others at all: a public base, or presigned ones."""
    return session.store.url_for_others("media/0.png") is not None


def can_hand_on(session: Session, take: Take) -> bool:
    """Whether the provider may still serve the last frame of a kept take."""
    age = (datetime.now(UTC) - take.kept_at).total_seconds()
    return (
        take.last_frame.source == "provider"
        and take.account == session.book.account
        and bool(take.task_id)
        and age < HANDED_ON
    )


def needs_host(session: Session, shot: ResolvedShot, source: Take | None = None) -> bool:
    """Whether a shot to buy can only be read from the store: it is given files, or continues a frame that is ours alone.

    Args:
        session: the run's.
        shot: the shot.
        source: the kept take it continues; None when that is still to be bought or there is none.
    """
    files = any(not isinstance(given.source, str) for given in shot.inputs)
    ours = source is not None and (source.corrected is not None or not can_hand_on(session, source))
    return files or ours


def remember_frame(session: Session, frame: Frame, url: str | None) -> None:
    """Remember where the provider serves a frame that was kept just now; one cut from the clip has no such place."""
    if frame.source == "provider" and url is not None:
        of(session).frames[frame.sha256] = Handed(url, time.time())
