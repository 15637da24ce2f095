"""One decoded frame as a PNG, in true colors: by libav in this process, which starts no program for a single picture."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from av.filter import Graph
    from av.video.frame import VideoFrame

    from longtake.media.streams.probing import Color, Probe

_MATRICES = {1: "bt709", 4: "fcc", 5: "bt601", 6: "bt601", 7: "smpte240m", 9: "bt2020", 10: "bt2020"}
_HD_HEIGHT = 720
_EXACT = "lanczos+accurate_rnd+full_chroma_int"


def png(frame: VideoFrame, reading: str, *filters: tuple[str, str]) -> bytes:
    """A decoded frame as an RGB PNG of its own size, 8 bits a channel (what models take; deeper colors are rounded).

    Args:
        frame: of a clip or a picture.
        reading: how its numbers mean colors (`reading_of`), after the filters.
        filters: filters (name, arguments) it goes through before it becomes RGB.
    """
    import av  # noqa: PLC0415 - a tenth of a second that planning does not have

    graph = chain(frame, [*filters, ("scale", f"flags={_EXACT}:{reading}:out_range=pc"), ("format", "rgb24")])
    graph.vpush(frame)
    shown = graph.vpull()
    coder: Any = av.CodecContext.create("png", "w")
    coder.width, coder.height, coder.pix_fmt = shown.width, shown.height, "rgb24"
    coder.time_base = Fraction(1)
    coder.options = {"pred": "mixed"}  # a quarter smaller than without, at the same speed
    shown.pts, shown.time_base = 0, coder.time_base
    return b"".join(bytes(packet) for packet in (*coder.encode(shown), *coder.encode(None)))


def chain(like: VideoFrame, filters: Iterable[tuple[str, str]]) -> Graph:
    """A chain of libav's filters (name, arguments) for frames such as `like`."""
    from av.filter import Graph  # noqa: PLC0415 - as above

    graph = Graph()
    last = graph.add_buffer(
        width=like.width, height=like.height, format=like.format, time_base=like.time_base or Fraction(1)
    )
    for name, args in (*filters, ("buffersink", None)):
        node = graph.add(name, args)
        last.link_to(node)
        last = node
    graph.configure()
    return graph


def reading_of(facts: Probe) -> str:
    """How to read a file's colors, said outright: libav takes BT.601 for every clip that does not say."""
    return f"in_color_matrix={matrix(facts.color, facts.height)}:in_range={range_of(facts.color)}"


def matrix(color: Color, height: int) -> str:
    """The matrix as libav names it; a clip that does not say is read as players do: BT.709 from 720 lines on."""
    return _MATRICES.get(color.matrix) or ("bt709" if height >= _HD_HEIGHT else "bt601")


def range_of(color: Color) -> str:
    """The range as libav names it; limited where the clip does not say."""
    return "pc" if color.range == 2 else "tv"
