"""Sentences about a run, and escaping of text for Markdown."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from longtake.report.outcomes import ShotOutcome

_MARKUP = re.compile(r"[\\`*_{}\[\]()#+!|<>&~@:.]|^[-=]")
"""Characters with a meaning in Markdown or its HTML; `:` and `.` because bare addresses become links."""


def failed_checks(outcomes: Sequence[ShotOutcome]) -> list[str]:
    """A line for each used take that did not pass the checks of its clip."""
    return [
        f"{o.shot.label} did not pass the checks of its clip: {'; '.join(o.take.checks.findings)}"
        for o in outcomes
        if o.take is not None and o.take.checks is not None and not o.take.checks.passed
    ]


def seam_notes(visible: Mapping[str, float], matched: Mapping[str, tuple[float, float]]) -> list[str]:
    """The sentences about seams, in levels by shot.

    Args:
        visible: those that may be seen in the film.
        matched: those that the join corrected, before and after.
    """
    notes = []
    if visible:
        named = ", ".join(f"{label} ({distance:g})" for label, distance in visible.items())
        notes.append(
            f"a seam may be visible before {named}: levels between its first frame and the last one before it, visible from 3 on"
        )
    if matched:
        named = ", ".join(
            f"{label} (from {before:g} to {after:g} levels)" for label, (before, after) in matched.items()
        )
        notes.append(f"a step of color was corrected before {named}")
    return notes


def stale_note(labels: Sequence[str]) -> str | None:
    """The sentence about shots that were used although an input changed; None if there are none."""
    if not labels:
        return None
    named = ", ".join(labels)
    return (
        f"made from an older input and used as they are: {named}; `longtake run --downstream cascade` buys them again"
    )


def under_way(count: int, credits: int) -> str:
    """The sentence about attempts that a run leaves open."""
    if not count:
        return "nothing is under way"
    are, them = ("is", "it") if count == 1 else ("are", "them")
    return f"{many(count, 'attempt')} {are} under way ({credits} credits); the next run takes {them} up"


def many(count: int, what: str) -> str:
    """A count with its noun: `1 shot`, `2 shots`."""
    return f"1 {what}" if count == 1 else f"{count:,} {what}s"


def plain(text: str) -> str:
    """Escape text from a storyboard, a person or the provider as one line of Markdown."""
    return _MARKUP.sub(lambda found: f"\\{found[0]}", " ".join(text.split()))


def link(place: str, text: str | None = None) -> str:
    """A place in Markdown: a link if it is a URL, else code."""
    if re.fullmatch(r"https?://[^\s<>()\[\]`\\]+", place):
        return f"<{place}>" if text is None else f"[{plain(text)}]({place})"
    return f"`{place}`" if "`" not in place else plain(place)
