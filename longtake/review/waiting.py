"""Runs of a film that wait for a person's approval, wherever they run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class WaitingRun:
    """A run that waits.

    Attributes:
        run: its id.
        text: what it asked, Markdown.
        credits: the most it asked for, in credits of the whole run.
    """

    run: str
    text: str
    credits: int


class Approvals(Protocol):
    """Finds and answers waiting runs."""

    def waiting(self, film: str) -> list[WaitingRun]:
        """The runs of a film that wait, by its slug; empty where that cannot be known."""

    def approve(self, run: str, *, credits: int, by: str) -> None:
        """Let a waiting run go on.

        Raises:
            SettingsError: it does not wait any more, or it cannot be reached.
        """
