"""Small pictures of frames and clips, for pages and contact sheets."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from longtake.errors import MediaError
from longtake.media.image.stills import chain
from longtake.media.streams.probing import opened
from longtake.media.streams.sniff import check_size, sniff

if TYPE_CHECKING:
    from pathlib import Path

    from av.video.frame import VideoFrame
    from PIL.Image import Image

SIDE = 240
"""Pixels of a picture's longer side."""
_QUALITY = 80


def thumbnail(picture: Path) -> bytes:
    """A still picture, or the first frame of a clip, as a JPEG of `SIDE` pixels and some 8 kB.

    Raises:
        MediaError: it cannot be decoded.
    """
    small = _of_png(picture) if sniff(picture).format == "png" else _of_frame(_first_frame(picture))
    made = io.BytesIO()
    small.save(made, "JPEG", quality=_QUALITY)
    return made.getvalue()


def _of_png(picture: Path) -> Image:
    # Pillow decodes once; libav decodes a PNG to say what is in it, and again to give it.
    from PIL import Image  # noqa: PLC0415 - only where pictures are drawn

    try:
        with Image.open(picture, formats=("PNG",)) as found:
            check_size(picture.name, *found.size)  # a second header may give another size than the first
            whole = found.convert("RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise MediaError(f"{picture.name} is a broken PNG: {error}") from error
    return whole.resize(_size(*whole.size), Image.Resampling.BOX, reducing_gap=2.0)


def _of_frame(frame: VideoFrame) -> Image:
    from PIL import Image  # noqa: PLC0415 - as above

    width, height = _size(frame.width, frame.height)
    graph = chain(frame, [("scale", f"{width}:{height}:flags=area"), ("format", "rgb24")])
    graph.vpush(frame)
    plane = graph.vpull().planes[0]
    return Image.frombytes("RGB", (width, height), bytes(plane), "raw", "RGB", plane.line_size)


def _first_frame(picture: Path) -> VideoFrame:
    """The first shown frame. Of most clips only the first packet is decoded, because a decoder would otherwise read ahead."""
    with opened(picture, known=True) as container:
        for stream in container.streams.video[:1]:
            stream.codec_context.skip_frame = "DEFAULT"
            packet = next(container.demux(stream), None)
            if packet is not None and not packet.is_discard:
                frames = packet.decode() or stream.codec_context.decode(None)
                if frames and not frames[0].is_corrupt:
                    return frames[0]
    with opened(picture) as container:
        # An edit list hides the first frames, or the first shown one leans on frames behind it.
        frame = next(container.decode(video=0), None) if container.streams.video else None
        if frame is not None and not frame.is_corrupt:
            return frame
    raise MediaError(f"{picture.name}: it holds no picture that can be decoded")


def _size(width: int, height: int) -> tuple[int, int]:
    scale = SIDE / max(width, height)
    return max(1, round(width * scale)), max(1, round(height * scale))
