"""From a storyboard to the data and the text of its file, which read as an equal storyboard.

The text is plain YAML that people edit: ids first, prompts of several lines as blocks, small mappings on one line. Text that any
YAML reader, 1.1 or 1.2, could take for something else is quoted.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from longtake.storyboard.values import Strict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from longtake.storyboard.board import Storyboard

WIDTH = 100
"""Columns up to which a mapping of plain values stands on one line."""
PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_/.-]*(?: [A-Za-z0-9_/.-]+)*")
"""Text that needs no quotes wherever it stands."""
PROSE = re.compile(r"[A-Za-z][A-Za-z0-9_/.,'()-]*(?: [A-Za-z0-9_/.,'()-]+)*")
"""As `PLAIN`, after a key on a line of its own."""
LINES = re.compile(r"[0-9]{3,4}p|[0-9]k|[0-9]{1,6}f")
"""Resolutions and counts of frames: no reader takes `480p` or `12f` for a number."""
WORDS = frozenset(["y", "yes", "n", "no", "on", "off", "true", "false", "null"])
"""What YAML 1.1 or 1.2 takes for something else than text."""
BLOCK = re.compile(r"(?=\S)[^\r\t\x7f-\xa0\u2028\u2029\ufeff]*[^\s\x7f-\xa0\u2028\u2029\ufeff]\n?")
"""Text that a literal block holds as it is, ending in one line break or none."""
ESCAPED = re.compile(r"[\x00-\x1f\"\\\x7f-\xa0\u2028\u2029\ufeff]")
"""What stands escaped between double quotes: control characters, line breaks of other kinds, and invisible ones."""


def plain(value: Any) -> Any:  # noqa: ANN401 - as varied as the fields
    """A model, or a value in one, as JSON data: what was given under the keys of a file, ids first, without defaults."""
    if isinstance(value, Strict):
        fields = type(value).model_fields
        own = [name for name in fields if name in type(value).__annotations__]
        return {
            fields[name].alias or name: plain(getattr(value, name))
            for name in (*own, *(name for name in fields if name not in own))
            if name in value.model_fields_set and (getattr(value, name) is not None or name in value.nullable)
        }
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, (tuple, list)) else value


def to_yaml(board: Storyboard) -> str:
    """See `Storyboard.to_yaml`."""
    return "\n".join(_mapping(plain(board), "")) + "\n"


def inline(value: Any) -> str:  # noqa: ANN401 - JSON data
    """A value on one line, as it may stand behind a key or between brackets.

    Raises:
        ValueError: it holds more than plain values.
    """
    text = _one_line(value) if isinstance(value, (dict, list)) else _scalar(value)
    if text is None:
        raise ValueError("a value of more than one level")
    return text


def _mapping(data: dict[str, Any], indent: str) -> Iterator[str]:
    for key, value in data.items():
        start = f"{indent}{_scalar(key)}:"
        yield from _entry(start, value, indent)


def _entry(start: str, value: Any, indent: str) -> Iterator[str]:  # noqa: ANN401 - JSON data
    """A key's value, behind the key where it fits on its line."""
    if isinstance(value, str):
        yield from _text(start, value, indent + "  ")
    elif not isinstance(value, (dict, list)):
        yield f"{start} {_scalar(value)}"
    else:
        line = _one_line(value)
        if line is not None and (not value or len(start) + len(line) < WIDTH):
            yield f"{start} {line}"
        else:
            yield start
            yield from _mapping(value, indent + "  ") if isinstance(value, dict) else _items(value, indent + "  ")


def _items(items: list[Any], indent: str) -> Iterator[str]:
    for item in items:
        lines = _mapping(item, indent + "  ") if isinstance(item, dict) else iter([f"{indent}  {_scalar(item)}"])
        first = next(lines)
        yield f"{indent}- {first[len(indent) + 2 :]}"
        yield from lines


def _one_line(value: dict[str, Any] | list[Any]) -> str | None:
    """A mapping or a list of plain values in brackets; None where it holds more than that."""
    if isinstance(value, list):
        if any(isinstance(item, (dict, list)) for item in value):
            return None
        return "[" + ", ".join(_scalar(item) for item in value) + "]"
    if any(isinstance(item, (dict, list)) for item in value.values()):
        return None
    return "{" + ", ".join(f"{_scalar(key)}: {_scalar(item)}" for key, item in value.items()) + "}"


def _text(start: str, text: str, indent: str) -> Iterator[str]:
    if "\n" in text and BLOCK.fullmatch(text):
        yield f"{start} {'|' if text.endswith(chr(10)) else '|-'}"
        for line in text.removesuffix("\n").split("\n"):
            yield indent + line if line else ""
    elif PROSE.fullmatch(text) and text.lower() not in WORDS:
        yield f"{start} {text}"
    else:
        yield f"{start} {_scalar(text)}"


def _scalar(value: str | float | bool | None) -> str:  # noqa: FBT001 - a value
    if isinstance(value, str):
        if (PLAIN.fullmatch(value) and value.lower() not in WORDS) or LINES.fullmatch(value):
            return value
        return '"' + ESCAPED.sub(_escaped, value) + '"'
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    # For YAML 1.1 a number with an exponent is text unless it has a point.
    return re.sub(r"^(-?[0-9]+)e", r"\1.0e", repr(value))


def _escaped(found: re.Match[str]) -> str:
    char = found.group()
    return {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}.get(char, f"\\u{ord(char):04x}")
