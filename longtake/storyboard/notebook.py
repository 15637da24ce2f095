"""A storyboard as a table in a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longtake import tables
from longtake.storyboard.chains import parents, places

if TYPE_CHECKING:
    from longtake.storyboard.board import Storyboard

MOST = 200
"""Rows of the table; how many more shots there are is said below it."""
PROMPT = 60
"""Columns of a prompt."""


def board_html(board: Storyboard) -> str:
    """A row for each shot: scene, id, beginning of the prompt, seconds, and the shot it continues."""
    shots = [shot for _, shot in places(board)]
    rows: list[tuple[str, ...]] = []
    for (place, shot), parent in zip(places(board), parents(board), strict=True):
        if len(rows) == MOST:
            break
        seconds = shot.duration if shot.duration is not None else board.defaults.duration
        rows.append(
            (
                board.scenes[int(place[1])].id if place[3] == 0 else "",
                shot.id,
                tables.shortened(shot.prompt, PROMPT),
                shots[parent].id if parent is not None else "",
                "" if seconds is None else "any" if seconds < 0 else str(seconds),
            )
        )
    more = len(shots) - len(rows)
    return tables.html(
        board.title,
        ("scene", "shot", "prompt", "continues", "seconds"),
        rows,
        numbers=1,
        notes=[f"and {more} more shots"] if more else (),
    )
