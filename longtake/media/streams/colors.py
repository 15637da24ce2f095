"""Colors as the filters of ffmpeg and libav name them: how to read a file's, and how to bring them to another dynamic range."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from longtake.media.streams.facts import Color, Probe

_MATRICES = {1: "bt709", 4: "fcc", 5: "bt601", 6: "bt601", 7: "smpte240m", 9: "bt2020", 10: "bt2020"}
_HD_HEIGHT = 720
_WIDE = (9, 10)
"""Codes of BT.2020."""
_TRANSFERS = {"PQ": "smpte2084", "HLG": "arib-std-b67", "": "709"}
MAPPED, MAPPED_HDR = ({"in_color_matrix": matrix, "in_range": "tv"} for matrix in ("bt709", "bt2020"))
"""How `scale` has to read what `mapping` gives."""
TONE_MAPPERS = ("zscale", "tonemap")
"""The filters of `mapping` that not every ffmpeg has."""
EXACT = "lanczos+accurate_rnd+full_chroma_int"
"""The flags of `scale`."""
FULL = 2
"""`Color.range` of colors without headroom and footroom."""


def reading(facts: Probe) -> dict[str, str]:
    """How `scale` has to read a file's colors, always given: ffmpeg assumes BT.601 for every file that names no matrix."""
    return {"in_color_matrix": matrix(facts.color, facts.height), "in_range": range_of(facts.color)}


def matrix(color: Color, height: int) -> str:
    """The matrix as ffmpeg names it; a file that names none is read as players do: BT.709 from 720 lines on."""
    return _MATRICES.get(color.matrix) or ("bt709" if height >= _HD_HEIGHT else "bt601")


def range_of(color: Color) -> str:
    """The range as ffmpeg names it; limited where the file names none."""
    return "pc" if color.range == FULL else "tv"


def mapping(facts: Probe, film: Color) -> list[tuple[str, dict[str, Any]]]:
    """The filters from a clip's dynamic range to the film's, by way of linear light.

    White is 203 cd/m², as ITU-R BT.2408 has it, and highlights are compressed from 1,000 cd/m². What is darker than a third of
    white stays as it is.
    """
    own = facts.color
    hd = "709" if facts.height >= _HD_HEIGHT or own.matrix == 1 else "170m"
    read = {
        "min": "2020_ncl" if own.hdr or own.matrix in _WIDE else hd,
        "pin": "2020" if own.hdr or own.primaries == _WIDE[0] else "709",
        "tin": _TRANSFERS[own.hdr],
        "rin": "full" if own.range == FULL else "limited",
    }
    linear = {**read, "p": read["pin"], "m": "gbr", "t": "linear", "npl": 203}
    light: list[tuple[str, dict[str, Any]]] = [("zscale", linear), ("format", {"pix_fmts": "gbrpf32le"})]
    if film.hdr:
        ready = {"p": "2020", "t": _TRANSFERS[film.hdr], "m": "2020_ncl", "r": "limited", "npl": 203}
        return [*light, ("zscale", ready), ("format", {"pix_fmts": "yuv420p10le"})]
    return [
        *light,
        ("zscale", {"p": "709"}),
        ("tonemap", {"tonemap": "mobius", "peak": 5, "desat": 0}),
        ("zscale", {"t": "709", "m": "709", "r": "limited"}),
        ("format", {"pix_fmts": "yuv420p10le"}),
    ]
