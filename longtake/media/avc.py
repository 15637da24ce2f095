"""H.264 decoder configurations: several sets of parameters in one sample entry.

A film of copied clips with a few encoded ones between them holds two kinds of H.264. One sample entry may list several
parameter sets when their ids differ (ISO/IEC 14496-15 §5.3.3.1), so what is encoded here gets an id the clips do not use and
every player finds all sets before the first frame.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from longtake.errors import MediaError

__all__ = ["Configuration", "free_id", "merge", "parse"]

_HIGH = 100
_IDS = 32
"""Ids of sequence parameter sets run from 0 to 31 (ITU-T H.264 §7.4.2.1.1); x264 gives the picture set the same one."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """An `avcC` record, taken apart. `extension` is what follows the sets for High and above."""

    profile: int
    compatibility: int
    level: int
    length_size: int
    sequence_sets: tuple[bytes, ...]
    picture_sets: tuple[bytes, ...]
    extension: bytes

    def pack(self) -> bytes:
        """The bytes of the record."""
        parts = [
            bytes((1, self.profile, self.compatibility, self.level, 0xFC | (self.length_size - 1))),
            bytes((0xE0 | len(self.sequence_sets),)),
            *(len(unit).to_bytes(2, "big") + unit for unit in self.sequence_sets),
            bytes((len(self.picture_sets),)),
            *(len(unit).to_bytes(2, "big") + unit for unit in self.picture_sets),
            self.extension,
        ]
        return b"".join(parts)


def parse(record: bytes) -> Configuration | None:
    """Take an `avcC` record apart; None when it is not one."""
    if len(record) < 7 or record[0] != 1:
        return None
    try:
        at = 6
        sequence, at = _units(record, at, record[5] & 0x1F)
        picture, at = _units(record, at + 1, record[at])
    except IndexError:
        return None
    if not sequence or not picture:
        return None
    profile, compatibility, level = record[1:4]
    return Configuration(profile, compatibility, level, (record[4] & 3) + 1, sequence, picture, record[at:])


def free_id(config: Configuration) -> int | None:
    """The lowest id that neither kind of set uses; None when all are taken or a set cannot be read."""
    try:
        used = {_number(_payload(unit)[3:]) for unit in config.sequence_sets}
        used |= {_number(_payload(unit)) for unit in config.picture_sets}
    except ValueError:
        return None
    return next((number for number in range(_IDS) if number not in used), None)


def merge(clips: Configuration, ours: Configuration) -> bytes:
    """One record for both.

    Raises:
        MediaError: they cannot share one: the length fields before each unit differ.
    """
    if clips.length_size != ours.length_size:
        raise MediaError("H.264 clips with different length fields cannot share a track")
    wide = max((clips, ours), key=lambda one: (one.profile, one.extension))
    both = replace(
        wide,
        compatibility=clips.compatibility & ours.compatibility,
        level=max(clips.level, ours.level),
        sequence_sets=clips.sequence_sets + ours.sequence_sets,
        picture_sets=clips.picture_sets + ours.picture_sets,
        # Part of the record from High on (§5.3.3.1.2): 4:2:0 and 8 bits, the only kind that gets here.
        extension=wide.extension or (b"\xfd\xf8\xf8\x00" if wide.profile >= _HIGH else b""),
    )
    return both.pack()


def _units(record: bytes, at: int, count: int) -> tuple[tuple[bytes, ...], int]:
    units = []
    for _ in range(count):
        size = int.from_bytes(record[at : at + 2], "big")
        at += 2 + size
        if at > len(record) or size < 2:
            raise IndexError
        units.append(record[at - size : at])
    return tuple(units), at


def _payload(unit: bytes) -> bytes:
    """A unit without its header byte and without the bytes that only keep start codes from appearing."""
    return unit[1:].replace(b"\0\0\3", b"\0\0")


def _number(payload: bytes) -> int:
    """The unsigned Exp-Golomb number a payload begins with."""
    bits = "".join(f"{byte:08b}" for byte in payload[:8])
    zeros = bits.find("1")
    if zeros < 0 or 2 * zeros + 1 > len(bits):
        raise ValueError("no number")
    return int(bits[zeros : 2 * zeros + 1], 2) - 1
