"""Write the tables and the plot of `docs/explanation/performance.md` from the results."""

from __future__ import annotations

import html
import json
import math
from typing import TYPE_CHECKING, Any

from bench._rows import times

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

BEGIN, END = "<!-- begin: python -m bench -->", "<!-- end: python -m bench -->"
WIDTH, LEFT, LINE, LOW, HIGH = 900, 420, 20, 0.05, 40.0
"""Pixels of the plot, of its names, of a bar, and the ratios at its ends."""


def write(out: Path, names: Sequence[str]) -> None:
    """Replace what stands between the marks of the page, and the plot."""
    docs = out.parent.parent / "docs" / "explanation"
    found = {name: json.loads((out / f"{name}.json").read_text()) for name in names if (out / f"{name}.json").exists()}
    lines = [BEGIN, ""]
    for name, one in found.items():
        lines += [f"`python -m bench {name}`, {one['measured'].replace('T', ' ')} UTC, {one['machine']}:", ""]
        lines += ["| figure | Longtake | rival | ratio | aim |", "|---|---|---|---|---|", *map(_line, one["rows"]), ""]
    lines += ["![Ratios over the rival of the same run](performance.svg)", "", END]
    page = (docs / "performance.md").read_text()
    before, _, rest = page.partition(BEGIN)
    (docs / "performance.md").write_text(before + "\n".join(lines) + rest.partition(END)[2])
    (docs / "performance.svg").write_text(plot([row for one in found.values() for row in one["rows"]]))


def _line(row: dict[str, Any]) -> str:
    ours, rival = (f"{row[key]:.3g} {row['unit']}" for key in ("ours", "rival"))
    aim = "" if row["aim"] is None else f"≤ {times(row['aim'])}"
    return f"| {row['figure']} | {ours} | {row['over']}: {rival} | **{times(row['ratio'])}** | {aim} |"


def plot(rows: Sequence[dict[str, Any]]) -> str:
    """The ratios as bars on a logarithmic scale: left of 1 is ahead of the rival. A line across a bar is its aim."""

    def x(ratio: float) -> float:
        share = math.log(min(max(ratio, LOW), HIGH) / LOW) / math.log(HIGH / LOW)
        return LEFT + share * (WIDTH - LEFT - 60)

    height = LINE * len(rows) + 40
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
    ]
    for mark in (0.1, 0.3, 1, 3, 10, 30):
        parts += [
            f'<line x1="{x(mark):.0f}" x2="{x(mark):.0f}" y1="10" y2="{height - 25}" stroke="{"#333" if mark == 1 else "#ddd"}"/>',
            f'<text x="{x(mark):.0f}" y="{height - 10}" text-anchor="middle">{mark:g} ×</text>',
        ]
    for number, row in enumerate(rows):
        top, ends = 12 + LINE * number, sorted((x(1), x(row["ratio"])))
        color = "#888" if row["aim"] is None else "#2a7" if row["ratio"] <= row["aim"] else "#c63"
        parts += [
            f'<text x="{LEFT - 8}" y="{top + 11}" text-anchor="end">{html.escape(row["figure"])}</text>',
            f'<rect x="{ends[0]:.1f}" y="{top}" width="{max(ends[1] - ends[0], 1):.1f}" height="13" fill="{color}"/>',
            f'<text x="{ends[1] + 4:.1f}" y="{top + 11}">{times(row["ratio"])}</text>',
        ]
        if row["aim"] is not None:
            at = f"{x(row['aim']):.1f}"
            parts.append(f'<line x1="{at}" x2="{at}" y1="{top - 2}" y2="{top + 15}" stroke="black" stroke-width="2"/>')
    return "\n".join([*parts, "</svg>"]) + "\n"
