"""Runs of a film that wait for a person's approval, wherever they run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from longtake.storyboard import Downstream


@dataclass(frozen=True, slots=True)
class WaitingRun:
    """A run that waits.

    Attributes:
        run: its id.
        question: which of its questions it waits with; an answer holds for this one only.
        text: what it asked, Markdown.
        credits: the most it asked for, in credits of the whole run.
        retake: ids of shots that the run itself was asked to retake.
        downstream: what the run was told becomes of the shots after those; None as the storyboard says.
        steps: the run's own steps, as `module:function`.
    """

    run: str
    question: str
    text: str
    credits: int
    retake: tuple[str, ...] = ()
    downstream: Downstream | None = None
    steps: tuple[str, ...] = ()


class Approvals(Protocol):
    """Finds and answers waiting runs."""

    def waiting(self, film: str, store: str) -> list[WaitingRun]:
        """The runs that wait, of a film by its slug in a store by its URI; empty where that cannot be known."""

    def approve(self, run: str, *, question: str, credits: int, by: str) -> None:
        """Let a waiting run go on.

        Raises:
            SettingsError: it does not wait any more, or with another question, or it cannot be reached.
        """
