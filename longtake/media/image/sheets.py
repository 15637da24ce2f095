"""A contact sheet: many small pictures with their labels in one JPEG."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING

from longtake.media.image.thumbnails import SIDE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont
    from PIL.ImageFont import ImageFont as BitmapFont

_GAP = 8
_LABEL = 18
"""Pixels of the line of text below a picture."""
_LETTERS = 13
"""Pixels of a line of letters."""
_PAPER, _INK, _MISSING = (0x16,) * 3, (0xE6,) * 3, (0x30,) * 3
"""Gray: behind everything, of letters, of a picture that is missing."""
_QUALITIES = (88, 76, 60, 40)
"""The first that makes the JPEG small enough is taken."""
MOST_BYTES = 240_000
"""A sheet is put into pages whole, so one of more bytes is coded again, worse."""


def sheet(pictures: Sequence[tuple[bytes | None, str]]) -> bytes:
    """A JPEG of pictures in rows, each above its label.

    Args:
        pictures: at least one `thumbnail`, each with its label; a missing one is a gray field. A label that is too long for
            its picture is cut in the middle.
    """
    from PIL import Image, ImageDraw, ImageFont  # noqa: PLC0415 - only where pictures are drawn

    opened = [(Image.open(io.BytesIO(one), formats=("JPEG",)) if one else None, label) for one, label in pictures]
    shown = [one for one, _ in opened if one is not None]
    wide = max((one.width for one in shown), default=SIDE)
    high = max((one.height for one in shown), default=wide * 9 // 16)
    wide = max(wide, SIDE * 9 // 16)  # so that the label of an upright picture can be read
    across = _columns(len(pictures), wide, high)
    down = -(-len(pictures) // across)
    # Sides that the JPEG's blocks of color fit.
    width, height = (
        -(-side // 16) * 16 for side in (across * (wide + _GAP) + _GAP, down * (high + _LABEL + _GAP) + _GAP)
    )
    paper = Image.new("RGB", (width, height), _PAPER)
    pen, font = ImageDraw.Draw(paper), ImageFont.load_default(_LETTERS)
    for number, (one, label) in enumerate(opened):
        x, y = _GAP + number % across * (wide + _GAP), _GAP + number // across * (high + _LABEL + _GAP)
        if one is None:
            pen.rectangle((x, y, x + wide - 1, y + high - 1), fill=_MISSING)
        else:
            paper.paste(one, (x + (wide - one.width) // 2, y + (high - one.height) // 2))
        pen.text((x, y + high + _LABEL / 2), _cut(label, font, wide), _INK, font, anchor="lm")
    return _coded(paper)


def _columns(count: int, wide: int, high: int) -> int:
    """Columns that make the sheet about as wide as high, and never wider than a page."""
    return max(1, min(count, 1680 // (wide + _GAP), math.ceil(math.sqrt(count * (high + _LABEL) / wide * 1.5))))


def _cut(label: str, font: FreeTypeFont | BitmapFont, width: int) -> str:
    """As much of a label as fits, from its beginning and its end."""
    kept = len(label)
    while kept and font.getlength(cut := _around(label, kept)) > width:
        kept -= 1
    return cut if kept else ""


def _around(label: str, kept: int) -> str:
    return label if kept == len(label) else f"{label[: kept // 2]}…{label[len(label) - (kept - kept // 2) :]}"


def _coded(paper: Image) -> bytes:
    made = b""
    for quality in _QUALITIES:
        into = io.BytesIO()
        paper.save(into, "JPEG", quality=quality)
        made = into.getvalue()
        if len(made) <= MOST_BYTES:
            break
    return made
