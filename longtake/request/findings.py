"""The mistakes found while a storyboard is resolved, each once, raised together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longtake.storyboard import failure

if TYPE_CHECKING:
    from longtake.storyboard import FieldPath, Loaded, Problem


class Findings:
    """Collects problems by place. What a default does wrong for sixty shots is one problem, at the default's line."""

    def __init__(self, loaded: Loaded) -> None:
        self.loaded = loaded
        self._problems: dict[tuple[FieldPath, str, str], Problem] = {}

    def add(self, place: FieldPath, message: str, allowed: str) -> None:
        """Note a problem, unless the place was already found broken when the file was read."""
        if not self.loaded.is_broken(place):
            self._problems.setdefault((place, message, allowed), self.loaded.problem(place, message, allowed))

    def raise_all(self) -> None:
        """Raise what was found in the file and here, in the order of lines.

        Raises:
            StoryboardError: there is at least one problem.
        """
        problems = sorted((*self.loaded.problems, *self._problems.values()), key=lambda problem: problem.line)
        if problems:
            raise failure(self.loaded.name, tuple(problems))
