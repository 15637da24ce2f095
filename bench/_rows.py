"""What every measurement gives: rows of a figure, a rival from the same run, and how many times the rival it is."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


def row(
    figure: str, ours: float, over: str, rival: float, *, unit: str = "s", aim: float | None = None
) -> dict[str, Any]:
    """Print a row and give it.

    Args:
        figure: what was measured.
        ours: what Longtake took.
        over: who the rival is.
        rival: what the rival took.
        unit: of both.
        aim: the most the ratio should be.
    """
    found = {
        "figure": figure,
        "ours": ours,
        "unit": unit,
        "over": over,
        "rival": rival,
        "ratio": ours / rival,
        "aim": aim,
    }
    wanted = f"   aim {times(aim)}" if aim is not None else ""
    print(
        f"  {figure:54}{ours:>9.3g} {unit:4}{times(found['ratio']):>7} of {rival:.3g} {unit} ({over}){wanted}",
        flush=True,
    )
    return found


def times(ratio: float) -> str:
    """A ratio as people read it."""
    return f"{ratio:.1f} ×" if ratio >= 1.95 else f"{ratio:.2f} ×" if ratio > 0.2 else f"1/{1 / ratio:.0f}"


def percentile(values: Sequence[float], share: float) -> float:
    """The value under which this share of them lies."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def medians(rounds: Sequence[dict[str, float]]) -> dict[str, float]:
    """The median of each value over rounds."""
    return {key: statistics.median(one[key] for one in rounds) for key in rounds[0]}
