"""Measuring a film's shots against one another: seams between shots that continue, and drift down a chain."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longtake import media, timeline
from longtake import store as stores
from longtake.errors import MediaError
from longtake.manifest import Seam

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from longtake.library import Take
    from longtake.request import Resolved
    from longtake.store import Store


def seams(
    resolved: Resolved,
    takes: Sequence[Take],
    *,
    store: Store,
    folder: Path,
    matches: Sequence[media.SeamMatch | None],
) -> list[Seam | None]:
    """The seam before each shot that continues the shot before it; None for all other shots.

    It is measured against the last frame of the shot before it, also where the shot was made from an older one. Where the shot was
    given that frame, ingest has measured it.

    Args:
        resolved: the storyboard worked out.
        takes: the takes in film order.
        store: where their media are.
        folder: where copies of them are, or go.
        matches: what the join measured and hid, for each take.

    Raises:
        StoreError: the store is away, or a clip is gone.
    """
    found: list[Seam | None] = []
    before = None
    for shot, take, match in zip(resolved.shots, takes, matches, strict=True):
        seam = None
        if match is not None:
            left = match.after
            was = match.before
            seam = Seam(distance=was.distance, likeness=was.likeness, seen=left.seen, matched=left.distance)
        elif before is not None and shot.parent == before[0].id and not shot.apart(before[0]):
            seen = _seam(before[1], take, store, folder)
            if seen is not None:
                matched = seen.distance if shot.match != "off" else None
                seam = Seam(distance=seen.distance, likeness=seen.likeness, seen=seen.seen, matched=matched)
        found.append(seam)
        before = (shot, take)
    return found


def _seam(before: Take, take: Take, store: Store, folder: Path) -> media.MeasuredSeam | None:
    last = before.last_frame
    if take.seam is not None and take.frame == last.sha256:
        return take.seam
    try:
        return media.seam(stores.fetch(store, last.key, folder), stores.fetch(store, take.clip.key, folder))
    except MediaError:
        return None  # a number less, and no reason to be without a film


def drifts(resolved: Resolved, takes: Sequence[Take]) -> list[float | None]:
    """How far each shot's tone is from its chain's first; None for a first one, and where a tone is not known."""
    used = {shot.id: take for shot, take in zip(resolved.shots, takes, strict=True)}
    found: list[float | None] = []
    for shot, take in zip(resolved.shots, takes, strict=True):
        first = timeline.anchor(resolved, shot, used)
        if shot.parent is None or first.tone is None or take.tone is None:
            found.append(None)
            continue
        drift = media.drift(first.tone, take.tone)
        found.append(round(drift.distance, 2))
    return found
