"""Sentences about a run, and how any text becomes Markdown without bringing markup of its own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from longtake.report.outcomes import ShotOutcome

__all__ = ["failed_checks", "link", "many", "plain", "seam_note", "stale_note", "under_way"]

_MARKUP = re.compile(r"[\\`*_{}\[\]()#+!|<>&~@:.]|^[-=]")
"""What Markdown, or the HTML in it, may mean something by; colons and points for bare addresses, which become links."""


def failed_checks(outcomes: Sequence[ShotOutcome]) -> list[str]:
    """A line for each used take that did not pass the checks of its clip."""
    return [
        f"{o.shot.label} did not pass the checks of its clip: {'; '.join(o.take.checks.findings)}"
        for o in outcomes
        if o.take is not None and o.take.checks is not None and not o.take.checks.passed
    ]


def seam_note(seams: Mapping[str, float]) -> str | None:
    """The seams that somebody may see, by shot, in levels; None when there are none."""
    if not seams:
        return None
    named = ", ".join(f"{label} ({distance:g})" for label, distance in seams.items())
    return f"a seam may show in front of {named}: levels its first frame is from the last one before it, 3 and more may be seen"


def stale_note(labels: Sequence[str]) -> str | None:
    """What people must know of shots that were used though an input of theirs changed; None when there are none."""
    if not labels:
        return None
    named = ", ".join(labels)
    return (
        f"made from an older input and used as they are: {named}; `longtake run --downstream cascade` buys them again"
    )


def under_way(count: int, credits: int) -> str:
    """What a run that ends leaves open."""
    if not count:
        return "nothing is under way"
    are, them = ("is", "it") if count == 1 else ("are", "them")
    return f"{many(count, 'attempt')} {are} under way ({credits} credits); the next run takes {them} up"


def many(count: int, what: str) -> str:
    """A number of things."""
    return f"1 {what}" if count == 1 else f"{count:,} {what}s"


def plain(text: str) -> str:
    """Text from a storyboard, a person or the provider as one line of Markdown that shows just that."""
    return _MARKUP.sub(lambda found: f"\\{found[0]}", " ".join(text.split()))


def link(place: str, text: str | None = None) -> str:
    """A place for people: a link where it is a URL, else the place itself."""
    if re.fullmatch(r"https?://[^\s<>()\[\]`\\]+", place):
        return f"<{place}>" if text is None else f"[{plain(text)}]({place})"
    return f"`{place}`" if "`" not in place else plain(place)
