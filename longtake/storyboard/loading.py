"""From text to a checked storyboard, with every mistake named at once."""

from __future__ import annotations

import re
import stat
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from longtake.storyboard.checks import check
from longtake.storyboard.loaded import Loaded, problem_at
from longtake.storyboard.node import TextError
from longtake.storyboard.problem import Problem, failure
from longtake.storyboard.shape import shaped

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from longtake.errors import StoryboardError
    from longtake.storyboard.checks import Mistake

LARGEST = 2 * 1024 * 1024
"""Bytes of a storyboard; one of a thousand shots has about two hundred thousand."""


def load(source: str | Path) -> Loaded:
    """The storyboard in a YAML or JSON file.

    Raises:
        StoryboardError: it cannot be read or has problems; it holds all of them.
    """
    return without_problems(draft(source))


def parse(text: str, *, name: str, base: Path) -> Loaded:
    """The storyboard in a text; `name` stands for the file in messages, relative paths start from `base`.

    Raises:
        StoryboardError: it has problems; it holds all of them.
    """
    return without_problems(draft_text(text, name=name, base=base))


def draft(source: str | Path) -> Loaded:
    """As `load`, but problems stay on the result where the rest can be judged without them.

    `longtake.request.resolve` goes on from there and raises these problems together with its own, so that a person
    sees all of them at once.

    Raises:
        StoryboardError: the file cannot be read, or is not a mapping in YAML or JSON.
    """
    path = Path(source)
    name = str(source)
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise unreadable(name, "this is not a regular file")
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        said = (error.strerror if isinstance(error, OSError) else None) or "not a file name"
        raise unreadable(name, f"the file cannot be read: {said}") from None
    folder = path.absolute().parent
    loaded = draft_text(decoded(data, name), name=name, base=folder)
    return replace(loaded, board=loaded.board.based_in(folder))


def decoded(data: bytes, name: str) -> str:
    """The text in the bytes of a file, or of what stands for one.

    Raises:
        StoryboardError: there are too many, or they are not UTF-8.
    """
    if len(data) > LARGEST:
        raise unreadable(name, "the file is too large")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise unreadable(name, "the file is not UTF-8 text") from None


def draft_text(
    text: str, *, name: str, base: Path, files: Mapping[str, Path] | None = None, lines: bool = True
) -> Loaded:
    """As `parse`, but problems stay on the result as in `draft`.

    Args:
        text: YAML or JSON.
        name: stands for the file in messages.
        base: the folder that relative paths start from.
        files: where files lie that are not under `base`, by what the storyboard says.
        lines: whether problems name lines of the text; else they name places, as `scenes[0].shots[1]`.

    Raises:
        StoryboardError: the text is not a mapping in YAML or JSON.
    """
    from longtake.storyboard.reading import read  # noqa: PLC0415 - loads ruamel, which a storyboard built in Python does not need

    at = None if lines else ""
    if len(text) > LARGEST:
        raise unreadable(name, "the text is too large")
    try:
        tree = read(re.sub("^\ufeff", "", text))
    except TextError as error:
        raise failure(
            name, (Problem(name, error.line, None, error.message, error.allowed, at, error.column),)
        ) from None
    if tree.entries is None:
        what = "the file is empty" if tree.scalar is None and tree.items is None else "this is not a storyboard"
        allowed = "a mapping of schema, title, model, scenes and so on"
        raise failure(name, (Problem(name, tree.line, None, what, allowed, at=at),))
    board, findings = shaped(tree)
    if board is None:
        raise failure(name, _ordered(problem_at(tree, name, *finding, lines=lines) for finding in findings))
    broken = frozenset(path for path, _, _ in findings)
    return checked(Loaded(board, base, name, tree, broken=broken, text=text, files=files or {}, lines=lines), findings)


def checked(loaded: Loaded, findings: Sequence[Mistake] = ()) -> Loaded:
    """Check the parts of a storyboard against each other, and add the problems to those of its values (`findings`)."""
    more = list(check(loaded))
    problems = _ordered(loaded.problem(*finding) for finding in (*findings, *more))
    return replace(loaded, problems=problems, broken=loaded.broken | {path for path, _, _ in more})


def _ordered(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    return tuple(sorted(problems, key=lambda problem: problem.line))


def without_problems(loaded: Loaded) -> Loaded:
    """Return what was loaded, once it is known to have no problems.

    Raises:
        StoryboardError: it has; the error holds all of them.
    """
    if loaded.problems:
        raise failure(loaded.name, loaded.problems)
    return loaded


def unreadable(name: str, message: str) -> StoryboardError:
    """The error for what cannot be read as a file."""
    problem = Problem(name, 1, None, message, "a YAML or JSON file of up to 2 MB")
    return failure(name, (problem,), next_step="correct the path, or write a storyboard there with `longtake new`")
