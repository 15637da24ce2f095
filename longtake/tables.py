"""Small tables for people: HTML for notebooks, plain text for terminals and logs. Rows are text from anywhere; HTML escapes it."""

from __future__ import annotations

import textwrap
import unicodedata
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["html", "shortened", "text", "wrapped"]

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


def text(columns: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: int = 0, width: int = 80) -> list[str]:
    """Build the lines of a plain table, none wider than `width` columns: the first column is cut to fit.

    Args:
        columns: their heads.
        rows: one text for each column.
        numbers: how many of the last columns hold numbers, set to the right.
        width: of a terminal.
    """
    lines = [list(columns), *(list(cells) for cells in rows)]
    widths = [max(_wide(line[index]) for line in lines) for index in range(len(columns))]
    rest = sum(widths[1:]) + 2 * (len(columns) - 1)
    widths[0] = min(widths[0], max(width - rest, 8))
    first_number = len(columns) - numbers
    return [
        "  ".join(_cell(cell, widths[i], right=i >= first_number) for i, cell in enumerate(line)).rstrip()
        for line in lines
    ]


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


def _cell(words: str, width: int, *, right: bool) -> str:
    shown = shortened(words, width)
    space = " " * (width - _wide(shown))
    return space + shown if right else shown + space


def _wide(words: str) -> int:
    """Columns of a terminal: East Asian characters take two, combining ones none."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in words
    )
