"""One mistake in a storyboard, said so that a person can mend it without looking anything up."""

from __future__ import annotations

import json
from dataclasses import dataclass

from longtake.errors import StoryboardError

__all__ = ["Problem", "failure", "quoted"]

LONGEST_QUOTE = 60


@dataclass(frozen=True, slots=True)
class Problem:
    """Where (file, line from 1, shot when in one), what is wrong, and what would be allowed there."""

    file: str
    line: int
    shot: str | None
    message: str
    allowed: str

    def __str__(self) -> str:
        shot = f" shot {self.shot}:" if self.shot else ""
        return f"{self.file}:{self.line}:{shot} {self.message}; allowed: {self.allowed}"


def quoted(value: object) -> str:
    """A value as a message may show it: on one line, no control characters, not long."""
    text = json.dumps(value, ensure_ascii=True, default=str)
    return text if len(text) <= LONGEST_QUOTE else text[: LONGEST_QUOTE - 1] + "…"


def failure(name: str, problems: tuple[Problem, ...], *, next_step: str | None = None) -> StoryboardError:
    """The error that carries all problems of a storyboard, in file order."""
    count = f"{len(problems)} problem" + ("" if len(problems) == 1 else "s")
    return StoryboardError(f"{name} has {count}", problems=problems, source=name, next_step=next_step)
