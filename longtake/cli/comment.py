"""A plan as a comment on a pull request: the price first, then the diff."""

from __future__ import annotations

import re

from longtake.report import words

WIDTH = 99
"""Columns of the plan in a comment; with more, its table has a column for the model."""


def of_plan(title: str, takes: int, credits: int, lines: list[str]) -> str:
    """Return Markdown in which words of a storyboard are inert.

    Args:
        title: the film's, or the set's.
        takes: how many are to be bought.
        credits: what they should cost.
        lines: the plan as the command prints it.
    """
    price = (
        f"{credits} credits (${credits / 1000:.2f}), {words.many(takes, 'take')} to buy" if takes else "nothing to buy"
    )
    plan = "\n".join(lines)
    # Longer than any fence in the plan, which a prompt could otherwise close.
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", plan)), default=0))
    return f"**{words.plain(title)}**: {price}\n\n{fence}diff\n{plan}\n{fence}"
