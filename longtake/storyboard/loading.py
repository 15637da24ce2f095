"""From text to a checked storyboard, with every mistake named at once."""

from __future__ import annotations

import re
import stat
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from longtake.storyboard.checks import check
from longtake.storyboard.loaded import Loaded, problem_at
from longtake.storyboard.node import TextError, read
from longtake.storyboard.problem import Problem, failure
from longtake.storyboard.shape import shaped

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from longtake.errors import StoryboardError

__all__ = ["draft", "draft_text", "load", "parse"]

LARGEST = 2 * 1024 * 1024
"""Bytes of a storyboard; one of a thousand shots has about two hundred thousand."""


def load(source: str | Path) -> Loaded:
    """The storyboard in a YAML or JSON file.

    Raises:
        StoryboardError: it cannot be read or has problems; it holds all of them.
    """
    return _sound(draft(source))


def parse(text: str, *, name: str, base: Path) -> Loaded:
    """The storyboard in a text; `name` stands for the file in messages, relative paths start from `base`.

    Raises:
        StoryboardError: it has problems; it holds all of them.
    """
    return _sound(draft_text(text, name=name, base=base))


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
            raise _unreadable(name, "this is not a regular file")
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
        if len(data) > LARGEST:
            raise _unreadable(name, "the file is too large")
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _unreadable(name, "the file is not UTF-8 text") from None
    except (OSError, ValueError) as error:
        said = (error.strerror if isinstance(error, OSError) else None) or "not a file name"
        raise _unreadable(name, f"the file cannot be read: {said}") from None
    return draft_text(text, name=name, base=path.absolute().parent)


def draft_text(text: str, *, name: str, base: Path, files: Mapping[str, Path] | None = None) -> Loaded:
    """As `parse`, but problems stay on the result as in `draft`. `files` says where files lie that are not under `base`.

    Raises:
        StoryboardError: the text is not a mapping in YAML or JSON.
    """
    if len(text) > LARGEST:
        raise _unreadable(name, "the text is too large")
    try:
        tree = read(re.sub("^\ufeff", "", text))
    except TextError as error:
        raise failure(name, (Problem(name, error.line, None, error.message, error.allowed),)) from None
    if tree.entries is None:
        what = "the file is empty" if tree.scalar is None and tree.items is None else "this is not a storyboard"
        allowed = "a mapping of schema, title, model, scenes and so on"
        raise failure(name, (Problem(name, tree.line, None, what, allowed),))
    board, findings = shaped(tree)
    if board is None:
        raise failure(name, _ordered(problem_at(tree, name, *finding) for finding in findings))
    broken = frozenset(path for path, _, _ in findings)
    loaded = Loaded(board, base, name, tree, broken=broken, text=text, files=files or {})
    more = list(check(loaded))
    problems = _ordered(problem_at(tree, name, *finding) for finding in (*findings, *more))
    return replace(loaded, problems=problems, broken=broken | {path for path, _, _ in more})


def _ordered(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    return tuple(sorted(problems, key=lambda problem: problem.line))


def _sound(loaded: Loaded) -> Loaded:
    if loaded.problems:
        raise failure(loaded.name, loaded.problems)
    return loaded


def _unreadable(name: str, message: str) -> StoryboardError:
    problem = Problem(name, 1, None, message, "a YAML or JSON file of up to 2 MB")
    return failure(name, (problem,), next_step="correct the path, or write a storyboard there with `longtake new`")
