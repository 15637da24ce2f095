"""One picture track for clips coded with different parameter sets: which number each kind gets, and their packets under it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from longtake.errors import MediaError
from longtake.media.concat import avc, hevc
from longtake.media.streams.probing import opened

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import ModuleType

_CODECS: dict[str, ModuleType] = {"h264": avc, "hevc": hevc}
_NUMBERS = range(1, 16)


class Track:
    """The codec configurations that share a track. The first keeps its ids and has number 0."""

    def __init__(self, codec: str, record: bytes) -> None:
        self._codec = _CODECS.get(codec)
        self._known: dict[bytes, int | None] = {record: 0}
        first = self._codec.parse(record) if self._codec else None
        self._all: list[Any] = [first] if first else []
        try:
            self._free = [n for n in _NUMBERS if n not in first.numbers()] if first else []
        except (ValueError, IndexError):
            self._free, self._all = [], []

    @property
    def open(self) -> bool:
        """Whether pictures with other sets can be among those of the first."""
        return bool(self._all)

    def add(self, record: bytes, *, keep: int = 0) -> int | None:
        """The number for pictures with this configuration; None when they cannot be in this track.

        `keep` numbers are left for others.
        """
        if record not in self._known:
            self._known[record] = self._take(record, keep)
        return self._known[record]

    def _take(self, record: bytes, keep: int) -> int | None:
        parsed = self._codec.parse(record) if self._codec and len(self._free) > keep else None
        changed = self._codec.renumber(parsed, self._free[0]) if self._codec and parsed else None
        if changed is None:
            return None
        self._all.append(changed)
        return self._free.pop(0)

    @property
    def record(self) -> bytes | None:
        """The configuration of the whole track; None: just the first one's."""
        if len(self._all) < 2 or self._codec is None:
            return None
        merged: bytes = self._codec.merge(*self._all)
        return merged


def is_entry(coded: bytes, codec: str) -> bool:
    """Whether a decoder can begin at this coded frame with pictures of another clip before."""
    coding = _CODECS.get(codec)
    return coding is None or any(coding.is_entry(unit) for unit in _units(coded) if unit)


def entries(path: Path, codec: str, keys: frozenset[int]) -> frozenset[int]:
    """Which key frames (stored positions) `is_entry` holds for.

    Raises:
        MediaError: the file cannot be read.
    """
    if codec not in _CODECS:
        return keys
    wanted = sorted(keys)
    found = set()
    with opened(path, known=True) as container:
        position = 0
        for packet in container.demux(container.streams.video[0]):
            if packet.size == 0 or packet.is_discard:
                continue
            if position in keys and is_entry(bytes(packet), codec):
                found.add(position)
            position += 1
            if not wanted or position > wanted[-1]:
                break
    return frozenset(found)


def rewritten(data: bytes, codec: str, *, number: int, joint: bool) -> bytes:
    """A coded picture that refers to parameter set `number`; `joint` says that the picture before it is from another clip.

    Raises:
        MediaError: it names a parameter set that its file does not list.
    """
    coding = _CODECS.get(codec)
    splice = getattr(coding, "splice", None) if joint else None
    if coding is None or (not number and splice is None):
        return data
    parts = []
    try:
        for found in _units(data):
            unit = splice(found) if splice else found
            unit = coding.renumber_unit(unit, number) if number and unit else unit
            if unit:
                parts += [len(unit).to_bytes(4, "big"), unit]
    except (ValueError, IndexError) as error:
        raise MediaError("a clip's pictures use parameter sets that its file does not list") from error
    return b"".join(parts)


def _units(data: bytes) -> Iterator[bytes]:
    at = 0
    while at + 4 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        yield data[at + 4 : at + 4 + size]
        at += 4 + size
