"""Copies of a few clips instead of rendered ones, for measurements: rendering would take the CPU time that is being measured.

A copy has other bytes than the next one, as a provider's clips have, and shows the same pictures.
"""

from __future__ import annotations

import asyncio
import struct
import zlib
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from longtake.emulator import rendering
from longtake.emulator.rendering import RenderedClip

if TYPE_CHECKING:
    from pathlib import Path

    from longtake.emulator.rendering import RenderOrder

_END = 12
"""Bytes of the chunk that ends a PNG."""


class Copies:
    """One original for each size and length, rendered when it is first asked for; `folder` is made for them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._originals: dict[RenderOrder, RenderedClip] = {}
        self._locks: defaultdict[RenderOrder, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def render(self, order: RenderOrder, folder: Path) -> RenderedClip:
        """Make a clip as `rendering.render` does, but ignore the prompt and the given pictures."""
        like = replace(order, prompt="a copy", digest="0" * 64, first=None, last=None)
        async with self._locks[like]:
            if like not in self._originals:
                # Named by what it is: originals of other sizes may be under way.
                place = (
                    self._folder / f"{like.width}x{like.height}-{like.frames}-{like.rate}-{like.audio}-{like.spoiled}"
                )
                place.mkdir(parents=True, exist_ok=True)
                self._originals[like] = await rendering.render(like, place)
        return await asyncio.to_thread(_copied, self._originals[like], folder, order.digest.encode())


def _copied(original: RenderedClip, folder: Path, mark: bytes) -> RenderedClip:
    """The files once more, each with a mark outside of the picture data."""
    made = RenderedClip(folder / "0.mp4", folder / "0.png")
    box = struct.pack(">I4s", 8 + len(mark), b"free") + mark
    made.clip.write_bytes(original.clip.read_bytes() + box)
    text = b"tEXt" + b"Comment\0" + mark
    chunk = struct.pack(">I", len(text) - 4) + text + struct.pack(">I", zlib.crc32(text))
    picture = original.last_frame.read_bytes()
    made.last_frame.write_bytes(picture[:-_END] + chunk + picture[-_END:])
    return made
