"""YAML or JSON text as a tree of values that know their lines, with limits against hostile files.

It works on the parser's events, one after another, so nothing is built before the limits were looked at: 30 levels and
50,000 values at most, every alias followed. Scalars follow the core schema of YAML 1.2: `16:9` and `no` are text.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

from ruamel.yaml import YAML, events
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from longtake.storyboard.node import CONTROL, MOST_VALUES, Node, TextError
from longtake.storyboard.problem import quoted

DEEPEST = 30
INTEGER = re.compile(r"[-+]?[0-9]{1,30}")
UNLIKE_JSON = re.compile("[\t\x85\u2028\u2029]")
FLOAT = re.compile(r"[-+]?(\.[0-9]{1,30}|[0-9]{1,30}(\.[0-9]{0,30})?)([eE][-+]?[0-9]{1,3})?")
WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


def read(text: str) -> Node:
    """The tree of a YAML 1.2 or JSON text.

    Raises:
        TextError: it is neither, holds control characters or tags, or passes a limit.
    """
    bad = CONTROL.search(text)
    if bad:
        line = text.count("\n", 0, bad.start()) + 1
        raise TextError(line, f"the character U+{ord(bad.group()):04X} cannot stand in text", "printable characters")
    builder = _Builder()
    try:
        for event in YAML(typ="safe", pure=True).parse(_as_yaml(text)):
            builder.take(event)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = quoted(error.problem or error.context)
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise TextError(line, f"this is not YAML: {said}", column=column) from None
    except (YAMLError, ValueError, RecursionError) as error:
        raise TextError(1, f"this is not YAML: {quoted(str(error))}") from None
    return builder.root or Node(1)


def _as_yaml(text: str) -> str:
    """JSON text with what YAML reads differently replaced: tabs that indent, and line breaks that JSON takes for characters."""
    if UNLIKE_JSON.search(text) and text.lstrip("\ufeff \t\r\n").startswith("{"):
        try:
            json.loads(text)
        except (ValueError, RecursionError):
            return text
        # In JSON a raw tab only ever stands between values, and the others only in strings.
        return UNLIKE_JSON.sub(lambda found: " " if found[0] == "\t" else f"\\u{ord(found[0]):04x}", text)
    return text


@dataclass(slots=True)
class _Open:
    """A list or a mapping whose end is not reached, with the key that waits for its value."""

    node: Node
    anchor: str | None
    key: tuple[int, str] | None = None
    column: int = 1
    """Where the key starts on its line."""


@dataclass(slots=True)
class _Builder:
    """Builds nodes from events with an explicit stack: deep files cannot exhaust the recursion limit."""

    stack: list[_Open] = field(default_factory=list)
    anchors: dict[str, Node] = field(default_factory=dict)
    root: Node | None = None

    def take(self, event: events.Event) -> None:
        line, column = (event.start_mark.line + 1, event.start_mark.column + 1) if event.start_mark else (1, 1)
        if isinstance(event, events.DocumentStartEvent) and self.root is not None:
            raise TextError(line, "a second document starts here")
        if isinstance(event, events.AliasEvent):
            self._alias(event, line)
            return
        if isinstance(event, events.NodeEvent):
            tag = getattr(event, "tag", None)
            if tag is not None:
                raise TextError(line, f"the tag {quoted(str(tag))} is not known here", "values without tags")
        if isinstance(event, events.ScalarEvent):
            self._scalar(event, line, column)
        elif isinstance(event, events.CollectionStartEvent):
            if len(self.stack) >= DEEPEST:
                raise TextError(line, f"this is nested deeper than {DEEPEST} levels", f"up to {DEEPEST} levels")
            node = Node(line, items=[]) if isinstance(event, events.SequenceStartEvent) else Node(line, entries={})
            node.column = column
            self._no_key_here(line)
            self.stack.append(_Open(node, event.anchor))
        elif isinstance(event, events.CollectionEndEvent):
            closed = self.stack.pop()
            self._named(closed.anchor, closed.node)
            self._put(closed.node, line)

    def _alias(self, event: events.AliasEvent, line: int) -> None:
        node = self.anchors.get(str(event.anchor))
        if node is None:
            raise TextError(line, f"the alias *{event.anchor} has no anchor before it", "an alias of a finished value")
        if self._waits_for_key():
            raise TextError(line, "an alias cannot be a key", "keys written out")
        self._put(node, line)

    def _scalar(self, event: events.ScalarEvent, line: int, column: int) -> None:
        text = _whole(str(event.value), line)
        if self._waits_for_key():
            self.stack[-1].key, self.stack[-1].column = (line, text), column
            return
        plain = bool(event.implicit[0]) and event.style in (None, "")
        node = Node(line, scalar=_resolved(text) if plain else text, column=column)
        self._named(event.anchor, node)
        self._put(node, line)

    def _named(self, anchor: str | None, node: Node) -> None:
        if anchor:
            self.anchors[anchor] = node

    def _waits_for_key(self) -> bool:
        return bool(self.stack) and self.stack[-1].node.entries is not None and self.stack[-1].key is None

    def _no_key_here(self, line: int) -> None:
        if self._waits_for_key():
            raise TextError(line, "a list or a mapping cannot be a key", "keys that are text")

    def _put(self, node: Node, line: int) -> None:
        if not self.stack:
            self.root = node
            return
        top = self.stack[-1]
        parent = top.node
        parent.values += node.values
        parent.levels = max(parent.levels, node.levels + 1)
        if parent.values > MOST_VALUES:
            raise TextError(line, f"the file holds more than {MOST_VALUES} values", "fewer values and aliases")
        if len(self.stack) + node.levels > DEEPEST + 1:
            raise TextError(line, f"this is nested deeper than {DEEPEST} levels", f"up to {DEEPEST} levels")
        if parent.items is not None:
            parent.items.append(node)
        elif parent.entries is not None and top.key is not None:
            key_line, key = top.key
            if key in parent.entries:
                parent.doubled.append((key_line, key))
            else:
                parent.entries[key] = (key_line, node)
                parent.columns = parent.columns if parent.columns is not None else {}
                parent.columns[key] = top.column
            top.key = None


def _whole(text: str, line: int) -> str:
    """A scalar's text with the surrogate pairs of JSON escapes joined, refused when an escape hid a control character."""
    if any("\ud800" <= character <= "\udfff" for character in text):
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    bad = CONTROL.search(text)
    if bad:
        raise TextError(line, f"the character U+{ord(bad.group()):04X} cannot stand in text", "printable characters")
    return text


def _resolved(text: str) -> str | int | float | bool | None:
    """Resolve an unquoted scalar by YAML 1.2's core schema; octal, hexadecimal and .inf stay text."""
    if text in WORDS:
        return WORDS[text]
    if INTEGER.fullmatch(text):
        return int(text)
    return float(text) if FLOAT.fullmatch(text) else text
