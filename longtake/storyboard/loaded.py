"""A storyboard that was read, with the place of everything in its file."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from longtake.storyboard.problem import Problem, quoted
from longtake.storyboard.values import ID

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from longtake.storyboard.board import Storyboard
    from longtake.storyboard.node import Node

FieldPath = tuple[str | int, ...]
"""Keys and indices from the top of the file: `("scenes", 0, "shots", 2, "duration")`."""


@dataclass(frozen=True)
class Loaded:
    """A storyboard, the folder its relative paths start from, and its name in messages.

    `problems` is empty but for a draft (see `draft`): then what `board` holds in the places of `broken` is a stand-in.
    """

    board: Storyboard
    base: Path
    name: str
    tree: Node = field(repr=False, compare=False)
    problems: tuple[Problem, ...] = ()
    broken: frozenset[FieldPath] = frozenset()
    text: str = field(default="", repr=False, compare=False)
    """What was read."""
    files: Mapping[str, Path] = field(default_factory=dict, compare=False)
    """Where files lie that do not lie where the storyboard says, by what it says."""
    lines: bool = True
    """Whether `text` is what a person wrote, so that problems name its lines. Otherwise they name places."""
    within: Path | None = field(default=None, compare=False)
    """The folder that every file it names must lie in, links followed; None for anywhere."""

    def path(self, written: str) -> Path:
        """Return the path of a file that the storyboard names."""
        return self.files.get(written, self.base / written)

    def outside(self, written: str) -> bool:
        """Whether a file that the storyboard names lies outside the folder it is confined to."""
        if self.within is None:
            return False
        try:
            return not self.path(written).resolve().is_relative_to(self.within.resolve())
        except (OSError, ValueError, RuntimeError):  # a ring of links, or not a file name
            return True

    def line(self, path: FieldPath) -> int:
        """The line, counted from 1, on which a value's key stands; of the nearest value around it when it is not there."""
        return line_of(self.tree, path)

    def problem(self, path: FieldPath, message: str, allowed: str) -> Problem:
        """A problem at a place of this storyboard, naming the shot the place is in."""
        return problem_at(self.tree, self.name, path, message, allowed, lines=self.lines)

    def where(self, path: FieldPath) -> str:
        """Name a place for messages: `line 3`, or `scenes[0]` for a storyboard without lines."""
        return f"line {self.line(path)}" if self.lines else dotted(_around(path))

    def is_broken(self, path: FieldPath) -> bool:
        """Whether a problem was found at this place or around it: further checks there would mislead."""
        return any(path[:length] in self.broken for length in range(len(path) + 1))


def line_of(tree: Node, path: FieldPath) -> int:
    """See `Loaded.line`."""
    line, node = tree.line, tree
    for key in path:
        found = node.child(key)
        if found is None:
            break
        line, node = found
    return line


def _column_of(tree: Node, path: FieldPath) -> int:
    """The column of the value's key, or of the item of a list; of the nearest value around it when it is not there."""
    column, node = tree.column, tree
    for key in path:
        found = node.child(key)
        if found is None:
            break
        known = (node.columns or {}).get(key) if isinstance(key, str) else None
        node = found[1]
        column = known if known is not None else node.column
    return column


def problem_at(tree: Node, name: str, path: FieldPath, message: str, allowed: str, *, lines: bool = True) -> Problem:
    """See `Loaded.problem`."""
    label = shot_label(tree, path)
    line = line_of(tree, path)
    if lines:
        return Problem(name, line, label, message, allowed, column=_column_of(tree, path))
    at = dotted(_around(path)) + (f" ({label})" if label is not None else "")
    return Problem(name, line, label, message, allowed, at=at)


def _around(path: FieldPath) -> FieldPath:
    """The mapping that a message's key is in; an item of a list stands for itself."""
    return path[:-1] if path and isinstance(path[-1], str) else path


def dotted(path: FieldPath) -> str:
    """A place as Python would spell it: `scenes[0].shots[1].transition`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


def shot_label(tree: Node, path: FieldPath) -> str | None:
    """Name the shot that a place is in: its id as written, or its number in the scene if it has no usable id."""
    match path:
        case ("scenes", int() as scene, "shots", int() as shot, *_):
            node = tree.at(("scenes", scene, "shots", shot, "id"))
            if node is None or not isinstance(node.scalar, str):
                return f"number {shot + 1}"
            return node.scalar if re.match(ID, node.scalar) else quoted(node.scalar)
        case _:
            return None
