"""One decoded frame as a PNG, in true colors: by libav in this process, which starts no program for a single picture."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from longtake.media.streams.colors import EXACT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from av.filter import Graph
    from av.video.frame import VideoFrame


def png(frame: VideoFrame, reading: Mapping[str, str], *filters: tuple[str, str]) -> bytes:
    """A decoded frame as an RGB PNG of its own size, 8 bits a channel (what models take; deeper colors are rounded).

    Args:
        frame: of a clip or a picture.
        reading: how to read its colors (`colors.reading`) after the filters.
        filters: filters (name, arguments) it goes through before it becomes RGB.
    """
    import av  # noqa: PLC0415 - a tenth of a second that planning does not have

    graph = chain(frame, [*filters, ("scale", options(flags=EXACT, **reading, out_range="pc")), ("format", "rgb24")])
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
    graph.threads = 1  # a single picture is done before more threads have started
    last = graph.add_buffer(
        width=like.width, height=like.height, format=like.format, time_base=like.time_base or Fraction(1)
    )
    for name, args in (*filters, ("buffersink", None)):
        node = graph.add(name, args)
        last.link_to(node)
        last = node
    graph.configure()
    return graph


def options(**values: str | int) -> str:
    """Arguments of a filter as libav reads them."""
    return ":".join(f"{name}={value}" for name, value in values.items())
