"""Small tables for people: HTML for notebooks, plain text for terminals and logs. Rows are text from anywhere; HTML escapes it.

Tables for programs: CSV that a spreadsheet does not calculate, and the libraries of the extra `data`.
"""

from __future__ import annotations

import csv
import importlib
import io
import textwrap
import unicodedata
from html import escape
from typing import TYPE_CHECKING, Any

from longtake.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What a cell begins with that a spreadsheet may calculate."""

# Notebooks would typeset what stands between two dollar signs as a formula.
_NO_FORMULAS = "tex2jax_ignore mathjax_ignore"


def html(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    numbers: int = 0,
    total: Sequence[str] = (),
    notes: Iterable[str] = (),
) -> str:
    """Build an HTML table.

    Args:
        title: its caption.
        columns: their heads.
        rows: one text for each column.
        numbers: how many of the last columns hold numbers, set to the right.
        total: a last row with the sums.
        notes: lines below the table.
    """
    first_number = len(columns) - numbers

    def row(cells: Sequence[str], tag: str) -> str:
        sides = ["right" if index >= first_number else "left" for index in range(len(cells))]
        inner = (
            f'<{tag} style="text-align:{side}">{escape(cell)}</{tag}>' for cell, side in zip(cells, sides, strict=True)
        )
        return f"<tr>{''.join(inner)}</tr>"

    parts = [
        f'<div class="{_NO_FORMULAS}"><table>',
        f'<caption style="text-align:left"><b>{escape(title)}</b></caption>',
        f"<thead>{row(columns, 'th')}</thead>",
        f"<tbody>{''.join(row(cells, 'td') for cells in rows)}</tbody>",
        f"<tfoot>{row(total, 'th')}</tfoot>" if total else "",
        "</table>",
        *(f"<div>{escape(note)}</div>" for note in notes),
        "</div>",
    ]
    return "".join(parts)


def text(
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    numbers: int = 0,
    width: int = 80,
    wraps: int | None = None,
    colors: Sequence[str] = (),
) -> list[str]:
    """Build the lines of a plain table, none wider than `width` columns of a terminal.

    Args:
        columns: their heads.
        rows: one text for each column.
        numbers: how many of the last columns hold numbers, set to the right.
        width: of a terminal.
        wraps: the column that gets the room that is left and breaks into lines; by default the first column is cut to fit.
        colors: an ANSI color code for each row, such as `32`; empty for none.
    """
    lines = [list(columns), *(list(cells) for cells in rows)]
    widths = [max(_wide(line[index]) for line in lines) for index in range(len(columns))]
    flexible = wraps or 0
    rest = sum(widths) - widths[flexible] + 2 * (len(columns) - 1)
    widths[flexible] = min(widths[flexible], max(width - rest, 8))
    first_number = len(columns) - numbers
    found = []
    for number, line in enumerate(lines):
        color = colors[number - 1] if number and colors else ""
        broken = _wrapped(line[flexible], widths[flexible]) if wraps is not None else [line[flexible]]
        for part, words in enumerate(broken):
            cells = line if not part else [""] * len(line)
            shown = "  ".join(
                _cell(words if i == flexible else cell, widths[i], right=i >= first_number)
                for i, cell in enumerate(cells)
            ).rstrip()
            found.append(f"\x1b[{color}m{shown}\x1b[0m" if color else shown)
    return found


def to_csv(columns: Iterable[str], rows: Iterable[Mapping[str, object]]) -> str:
    """Write rows as CSV with a header. Text that a spreadsheet would calculate (`=1+1`) gets an apostrophe in front."""
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, tuple(columns), restval="", lineterminator="\n", extrasaction="ignore")
    writer.writerow({name: _inert(name) for name in writer.fieldnames})
    writer.writerows({name: _inert(value) for name, value in row.items()} for row in rows)
    return out.getvalue()


def _inert(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def library(module: str, what: str) -> Any:  # noqa: ANN401 - a module
    """Import a library of the extra `data`.

    Args:
        module: its name, such as `pyarrow.parquet`.
        what: what needs it, for the message.

    Raises:
        SettingsError: it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError:
        needed = module.partition(".")[0]
        step = "pip install 'longtake[data]'"
        raise SettingsError(f"{what} needs {needed}, which is not installed", next_step=step) from None


def shortened(words: str, width: int) -> str:
    """Put a text on one line of at most `width` columns of a terminal; a cut text ends in an ellipsis."""
    line = " ".join(words.split())
    if _wide(line) <= width:
        return line
    kept, used = [], 1
    for char in line:
        used += _wide(char)
        if used > width:
            break
        kept.append(char)
    return "".join(kept).rstrip() + "…"


def wrapped(label: str, words: str, width: int) -> list[str]:
    """Break a text after its label into lines of at most `width` columns, the later ones indented under the first."""
    return textwrap.wrap(words, width, initial_indent=label, subsequent_indent=" " * len(label)) or [label.rstrip()]


def _wrapped(words: str, width: int) -> list[str]:
    """Break a text into lines of at most `width` columns; a word that is longer is broken, too."""
    lines, line, used = [], "", 0
    for word in words.split():
        size = _wide(word)
        if line and used + 1 + size <= width:
            line, used = f"{line} {word}", used + 1 + size
            continue
        if line:
            lines.append(line)
        line, used = word, size
        while used > width:
            head = _head(line, width)
            lines.append(head)
            line = line[len(head) :]
            used = _wide(line)
    return [*lines, line]


def _head(word: str, width: int) -> str:
    """The longest beginning of a word that takes at most `width` columns; one character at least."""
    end, used = 1, _wide(word[0])
    while end < len(word) and used + _wide(word[end]) <= width:
        used += _wide(word[end])
        end += 1
    return word[:end]


def _cell(words: str, width: int, *, right: bool) -> str:
    shown = shortened(words, width)
    space = " " * (width - _wide(shown))
    return space + shown if right else shown + space


def _wide(words: str) -> int:
    """Columns of a terminal: East Asian characters take two, combining ones none."""
    if words.isascii():
        return len(words)
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in words
    )
