"""A storyboard's text as a tree of values that know their lines. `longtake.storyboard.reading` builds it from YAML or JSON."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_VALUES = 50_000
CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")
YAML_ALLOWED = "one document of YAML 1.2 or JSON"


class TextError(Exception):
    """Text that holds no tree; the line and the column count from 1."""

    def __init__(self, line: int, message: str, allowed: str = YAML_ALLOWED, *, column: int = 1) -> None:
        super().__init__(message)
        self.line, self.message, self.allowed, self.column = line, message, allowed, column


@dataclass(slots=True)
class Node:
    """A value and the line it starts on: a list has `items`, a mapping `entries` (each with its key's line)."""

    line: int
    scalar: str | int | float | bool | None = None
    items: list[Node] | None = None
    entries: dict[str, tuple[int, Node]] | None = None
    values: int = 1
    """How many values it holds, itself included and aliases followed."""
    levels: int = 1
    doubled: list[tuple[int, str]] = field(default_factory=list)
    """Line and name of each key that a mapping holds a second time; the first one counts."""
    column: int = 1
    """Where it starts on its line, from 1."""
    columns: dict[str, int] | None = None
    """Where each key of a mapping starts on its line."""

    def value(self) -> Any:  # noqa: ANN401 - whatever a YAML file can hold
        """The plain value, in lists and dicts of its own."""
        if self.items is not None:
            return [item.value() for item in self.items]
        if self.entries is not None:
            return {key: node.value() for key, (_, node) in self.entries.items()}
        return self.scalar

    def child(self, key: object) -> tuple[int, Node] | None:
        """The value under a key or an index, with the line it begins on."""
        if self.items is not None and isinstance(key, int) and 0 <= key < len(self.items):
            return self.items[key].line, self.items[key]
        if self.entries is not None and isinstance(key, str):
            return self.entries.get(key)
        return None

    def at(self, path: tuple[str | int, ...]) -> Node | None:
        """The node at a path; None if there is none."""
        node: Node | None = self
        for key in path:
            found = node.child(key) if node is not None else None
            node = found[1] if found is not None else None
        return node

    def walk(self, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Node]]:
        """Every value with its path, from the top."""
        yield path, self
        for index, item in enumerate(self.items or ()):
            yield from item.walk((*path, index))
        for key, (_, node) in (self.entries or {}).items():
            yield from node.walk((*path, key))


def of_json(data: Any) -> Node:  # noqa: ANN401 - any JSON value
    """Build the tree of JSON data, with the lines that the data has in `json.dumps(data, indent=1)`."""
    return _with_last_line(data, 1)[0]


def _with_last_line(data: Any, line: int) -> tuple[Node, int]:  # noqa: ANN401 - as above
    """The tree of a value that starts on a line, and the line it ends on."""
    if not isinstance(data, (dict, list)):
        return Node(line, scalar=data), line
    node = Node(line, items=[]) if isinstance(data, list) else Node(line, entries={})
    last = line
    for key, item in data.items() if isinstance(data, dict) else enumerate(data):
        start = last + 1
        child, last = _with_last_line(item, start)
        node.values += child.values
        node.levels = max(node.levels, child.levels + 1)
        if node.entries is not None:
            node.entries[str(key)] = (start, child)
        elif node.items is not None:
            node.items.append(child)
    return node, last + 1 if data else line
