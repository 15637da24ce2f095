"""One mistake in a storyboard, with the place and the allowed values."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from longtake.errors import StoryboardError

LONGEST_QUOTE = 60


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem of a storyboard: its place (file, line and column from 1, shot), the fault, and the allowed values.

    Where there are no lines to show, as in a storyboard built in Python, `at` names the place: `scenes[0].shots[1] (wakes)`, ""
    for the storyboard itself. `line` then only gives the order.
    """

    file: str
    line: int
    shot: str | None
    message: str
    allowed: str
    at: str | None = None
    column: int = 1

    def __str__(self) -> str:
        if self.at is not None:
            return f"{self.at}{': ' if self.at else ''}{self.message}; allowed: {self.allowed}"
        shot = f" shot {self.shot}:" if self.shot else ""
        return f"{self.file}:{self.line}:{shot} {self.message}; allowed: {self.allowed}"


def quoted(value: object) -> str:
    """A value for an error message: on one line, without control characters, shortened."""
    text = json.dumps(value, ensure_ascii=True, default=str)
    return text if len(text) <= LONGEST_QUOTE else text[: LONGEST_QUOTE - 1] + "…"


def bare_url(url: str) -> str:
    """A URL without its possible secrets: query, fragment, user name and password."""
    bare = re.split(r"[?#]", url, maxsplit=1)[0]
    return re.sub(r"(?<=//)[^/]*@", "", bare)


def failure(name: str, problems: tuple[Problem, ...], *, next_step: str = "") -> StoryboardError:
    """The error that carries all problems of a storyboard, in file order."""
    count = f"{len(problems)} problem" + ("" if len(problems) == 1 else "s")
    if not next_step and any(problem.at is not None for problem in problems):
        next_step = "change the values named above; `longtake plan` checks them again and spends nothing"
    return StoryboardError(f"{name} has {count}", problems=problems, source=name, next_step=next_step)
