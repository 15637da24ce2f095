"""A storyboard with `{{ column }}` in its values, and what it becomes for one row.

Placeholders are replaced after the storyboard was parsed, so a row can add no keys and its text is never markup. The expressions
are Jinja's in its sandbox, cut down to a column, text, and a few filters: no loops, no attributes, no calls.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from jinja2 import StrictUndefined, TemplateError, UndefinedError, nodes
from jinja2.sandbox import SandboxedEnvironment

from longtake.storyboard import Problem, listed, quoted
from longtake.storyboard.loaded import line_of
from longtake.storyboard.node import Node

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from jinja2 import Template as Compiled

    from longtake.film_set.rows import Cell
    from longtake.storyboard import FieldPath

FILTERS = ("capitalize", "default", "lower", "title", "trim", "upper")
WHEN = "when"
"""The key of a scene or a shot that a row may leave out."""
PLACES = frozenset({"first_frame", "last_frame", "music"})
LISTS = frozenset({"references"})
NUMBERS = frozenset(
    {
        "duration",
        "seed",
        "takes",
        "use",
        "seconds",
        "budget",
        "retakes",
        "loudness",
        "peak",
        "music_gain",
        "duck",
        "fade_out",
    }
)
"""Fields that take numbers: the text of a cell is read as one."""
FLAGS = frozenset({"generate_audio", "web_search"})
FALSE = frozenset({"", "0", "false", "no"})
TRUE = frozenset({"1", "true", "yes"})
ALLOWED = f"{{{{ column }}}}, {{{{ column == 'text' }}}}, and the filters {', '.join(FILTERS)}"

# Only `{{ }}` means something: `{%` and `{#` are text, so their marks are characters that no storyboard can hold.
_JINJA = SandboxedEnvironment(
    undefined=StrictUndefined,
    block_start_string="\x00{%",
    block_end_string="%}\x00",
    comment_start_string="\x00{#",
    comment_end_string="#}\x00",
    autoescape=False,
    keep_trailing_newline=True,
)

_KNOWN = (nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.Filter, nodes.Compare, nodes.Operand)


class CellError(Exception):
    """A cell that cannot be used where the template puts it."""

    def __init__(self, columns: tuple[str, ...], message: str, allowed: str) -> None:
        super().__init__(message)
        self.columns, self.message, self.allowed = columns, message, allowed


class _Text(NamedTuple):
    """One value with placeholders."""

    compiled: Compiled
    columns: tuple[str, ...]
    bare: str | None
    """The column, where the value is `{{ column }}` and nothing else: then the cell keeps its type."""


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed storyboard and the compiled values in it."""

    tree: Node
    texts: Mapping[FieldPath, _Text]
    columns: tuple[str, ...]

    def columns_on(self, line: int) -> tuple[str, ...]:
        """The columns that the values on a line of the template name."""
        found = [text.columns for path, text in self.texts.items() if line_of(self.tree, path) == line]
        return tuple(dict.fromkeys(column for columns in found for column in columns))

    def columns_at(self, path: FieldPath) -> tuple[str, ...]:
        """The columns that the values at and under a place name."""
        found = [text.columns for place, text in self.texts.items() if place[: len(path)] == path]
        return tuple(dict.fromkeys(column for columns in found for column in columns))

    def tree_for(self, values: Mapping[str, Cell]) -> Node:
        """The storyboard's tree for the values of a row; it keeps the template's lines.

        Raises:
            CellError: a cell cannot be used where the template puts it.
        """
        return self._filled(self.tree, (), values) or Node(self.tree.line)

    def _filled(self, node: Node, path: FieldPath, values: Mapping[str, Cell]) -> Node | None:
        """A node for a row; None where the row leaves it out."""
        if node.items is not None:
            items = [self._filled(item, (*path, index), values) for index, item in enumerate(node.items)]
            kept = [item for item in items if item is not None]
            return _sized(Node(node.line, items=kept, doubled=node.doubled), kept)
        if node.entries is not None:
            if WHEN in node.entries and _may_be_left_out(path) and not self._wanted((*path, WHEN), node, values):
                return None
            entries = {
                key: (line, filled)
                for key, (line, child) in node.entries.items()
                if not (key == WHEN and _may_be_left_out(path))
                and (filled := self._filled(child, (*path, key), values)) is not None
            }
            return _sized(Node(node.line, entries=entries, doubled=node.doubled), [one for _, one in entries.values()])
        text = self.texts.get(path)
        return node if text is None else _filled(text, node.line, path, values)

    def _wanted(self, path: FieldPath, node: Node, values: Mapping[str, Cell]) -> bool:
        entries = node.entries or {}
        text = self.texts.get(path)
        value: object = entries[WHEN][1].scalar
        if text is not None:
            value = text.compiled.render({column: shown(values.get(column)) for column in text.columns})
        return str(value if value is not None else "").strip().lower() not in FALSE


def compile_template(tree: Node, *, name: str, columns: Sequence[str]) -> tuple[Template, list[Problem]]:
    """Compile the values of a storyboard's tree that hold placeholders, and list their problems."""
    texts: dict[FieldPath, _Text] = {}
    problems: list[Problem] = []
    for path, node in tree.walk():
        if any("{{" in key for key in node.entries or ()):
            problems.append(Problem(name, node.line, None, "a key holds a placeholder", "placeholders in values"))
        if not isinstance(node.scalar, str) or "{{" not in node.scalar:
            continue
        line = line_of(tree, path)
        try:
            text = _compiled(node.scalar)
        except TemplateError as error:
            said = f"this placeholder cannot be read: {quoted(error.message)}"
            problems.append(Problem(name, line, None, said, ALLOWED))
            continue
        except CellError as error:
            problems.append(Problem(name, line, None, error.message, error.allowed))
            continue
        for column in text.columns:
            if column not in columns:
                said = f"the column {quoted(column)} is not in the table"
                problems.append(Problem(name, line, None, said, listed(columns, column)))
        texts[path] = text
    used = tuple(dict.fromkeys(column for text in texts.values() for column in text.columns))
    return Template(tree, texts, used), problems


def _compiled(written: str) -> _Text:
    parsed = _JINJA.parse(written)
    for node in _inside(parsed):
        is_equality = not isinstance(node, nodes.Operand) or node.op in {"eq", "ne"}
        if not isinstance(node, _KNOWN) or not is_equality:
            raise CellError((), f"a placeholder cannot hold this ({type(node).__name__.lower()})", ALLOWED)
        if isinstance(node, nodes.Filter) and node.name not in FILTERS:
            raise CellError((), f"there is no filter {quoted(node.name)}", ", ".join(FILTERS))
    columns = tuple(dict.fromkeys(node.name for node in parsed.find_all(nodes.Name)))
    bare = re.fullmatch(r"\s*\{\{-?\s*(\w+)\s*-?\}\}\s*", written)
    return _Text(_JINJA.from_string(written), columns, bare[1] if bare and bare[1] in columns else None)


def _inside(node: nodes.Node) -> Iterator[nodes.Node]:
    for child in node.iter_child_nodes():
        yield child
        yield from _inside(child)


def _value(text: _Text, values: Mapping[str, Cell]) -> Cell:
    """A value for a row: the cell itself where it stands alone, else text.

    Raises:
        CellError: a cell inside the text is empty, and the template has no default for it.
    """
    if text.bare is not None:
        return values.get(text.bare)
    given = {column: text_of for column in text.columns if (text_of := shown(values.get(column)))}
    try:
        return text.compiled.render(given)
    except UndefinedError:
        empty = tuple(column for column in text.columns if column not in given)
        allowed = f"a value, or a default in the template: {{{{ {empty[0]} | default('text') }}}}"
        raise CellError(empty, "the cell is empty, and the template puts it into a text", allowed) from None


def shown(cell: Cell) -> str:
    """Return a cell as text."""
    if isinstance(cell, tuple):
        return ", ".join(cell)
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return "" if cell is None else str(cell)


def _filled(text: _Text, line: int, path: FieldPath, values: Mapping[str, Cell]) -> Node | None:
    value = _value(text, values)
    if text.bare is not None and (value is None or value == ""):
        return None  # an empty cell is a key that is not given
    field = next(part for part in reversed(path) if isinstance(part, str))
    if path[0] == "labels":
        return Node(line, scalar=shown(value))
    if isinstance(value, tuple) or (text.bare is not None and field in LISTS and isinstance(path[-1], str)):
        names = value if isinstance(value, tuple) else re.split(r"[\s,]+", shown(value).strip())
        items = [Node(line, scalar=name) for name in names]
        return _sized(Node(line, items=items), items)
    if path[0] == "references" or field not in NUMBERS | FLAGS:
        value = shown(value)
    elif isinstance(value, str):
        value = _typed(value, field)
    if isinstance(value, str) and (field in PLACES or path[0] == "references"):
        _check_place(value, text.columns)
    return Node(line, scalar=value)


def _typed(text: str, field: str) -> str | int | float | bool:
    """The text of a cell as its field takes it; what cannot be read stays text, which the field then refuses."""
    word = text.strip()
    if field in FLAGS and word.lower() in FALSE | TRUE:
        return word.lower() in TRUE
    if field in NUMBERS and re.fullmatch(r"[-+]?[0-9]{1,18}", word):
        return int(word)
    if field in NUMBERS and re.fullmatch(r"[-+]?[0-9]{1,18}\.[0-9]{1,18}", word):
        return float(word)
    return text


def _check_place(place: str, columns: tuple[str, ...]) -> None:
    """Refuse a file outside the template's folder: a table from elsewhere must not name any file of this machine.

    Raises:
        CellError: it is an absolute path, leaves the folder, or has a scheme other than http(s).
    """
    allowed = "a file under the template's folder, or an http(s) URL"
    try:
        scheme = urlsplit(place).scheme
    except ValueError:
        raise CellError(columns, f"{quoted(place)} is not a usable place", allowed) from None
    if scheme in {"http", "https"}:
        return
    path = PurePosixPath(place.replace("\\", "/"))
    if scheme or path.is_absolute() or ".." in path.parts or place.startswith("~"):
        raise CellError(columns, f"{quoted(place)} is outside the template's folder", allowed)


def _may_be_left_out(path: FieldPath) -> bool:
    """Whether a place is a scene or a shot."""
    return len(path) in {2, 4} and path[0] == "scenes" and (len(path) == 2 or path[2] == "shots")


def _sized(node: Node, children: Sequence[Node]) -> Node:
    node.values = 1 + sum(child.values for child in children)
    node.levels = 1 + max((child.levels for child in children), default=0)
    return node
