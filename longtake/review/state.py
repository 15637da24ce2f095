"""A film as a reviewer sees it: its plan, its shots with the kept takes, the joined film, remarks and waiting runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from longtake.film.film_page import PageShot

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from longtake.library import Remark, Take
    from longtake.manifest import Manifest
    from longtake.plan import Plan, ShotStatus
    from longtake.review.waiting import WaitingRun


@dataclass(frozen=True, slots=True)
class ReviewState:
    """A film as a reviewer sees it.

    Attributes:
        plan: what the next run would do and cost, with the decisions so far.
        shots: in film order, with the takes that are kept.
        joined: the manifest of the film of exactly these takes, or of the one joined last; None where there is none.
        current: whether the joined film is that of exactly these takes.
        home: the joined film's key prefix; empty where there is none.
        remarks: notes and approvals, the oldest first.
        waiting: runs of the film that wait for an approval, with the credits that they need now.
    """

    plan: Plan
    shots: tuple[PageShot, ...]
    joined: Manifest | None
    current: bool
    home: str
    remarks: tuple[Remark, ...]
    waiting: tuple[WaitingRun, ...] = ()


def page_shots(
    statuses: Sequence[ShotStatus], earlier: Mapping[str, Take | None], joined: Manifest | None
) -> Iterator[PageShot]:
    """The shots for a page; times, seams and drift are those of the joined film where it has the same takes."""
    known = {shot.shot: shot for shot in joined.shots} if joined is not None else {}
    same = joined is not None and [one.shot.label for one in statuses] == [shot.shot for shot in joined.shots]
    at, before = 0.0, False
    for status in statuses:
        shot = status.shot
        used = status.used or next((one for one in status.kept if one == earlier[shot.id]), None)
        used = used or (status.kept[-1] if status.kept else None)
        was = known.get(shot.label)
        is_same = was is not None and used is not None and was.used.fingerprint == used.fingerprint
        seconds = used.clip.seconds if used is not None else float(max(shot.duration, 1))
        start, end = (was.start, was.end) if same and was is not None else (at, at + seconds)
        yield PageShot(
            shot=shot.label,
            scene=shot.scene,
            id=shot.id,
            state=status.state,
            why="; ".join(map(str, status.reasons)),
            start=start,
            end=end,
            prompt=shot.prompt,
            used=used,
            alternates=_by_number(take for take in status.kept if used is None or take.take != used.take),
            seam=was.seam if was is not None and is_same and before else None,
            drift=was.drift if was is not None and is_same else None,
        )
        at, before = end, is_same


def _by_number(takes: Iterator[Take]) -> tuple[Take, ...]:
    """The newest take of each number: that is the one a choice by number means."""
    return tuple({take.take: take for take in takes}.values())
