"""Renumber H.264 parameter sets: pictures coded differently can then share one sample entry.

A sample entry may list several parameter sets when their ids differ (ISO/IEC 14496-15 §5.3.3.1), and every player finds all of
them before the first frame. Encoders all use id 0, so the sets of all clips but one kind get another id, and each of their
slices names it. The picture set's new id takes nine bits where id 0 took one: a slice grows by exactly one byte and its
coded data stay where they were in their bytes, so nothing but the header changes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from longtake.errors import MediaError
from longtake.media.concat import bits

_HIGH = 100
_SLICES = (1, 5)
_IDR, _MESSAGE, _SEQUENCE, _PICTURE = 5, 6, 7, 8
_PICTURES_FROM = 14
"""Set number n gets sequence set id n and picture set id 14 + n: ids 15 to 30 take nine bits."""
_TIMING = (0, 1)
"""Messages about buffering and timing (payload types): they name a sequence set, and files do not need them."""


@dataclass(frozen=True, slots=True)
class AvcConfiguration:
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

    def numbers(self) -> set[int]:
        """The set numbers whose ids are taken here; raises ValueError for a set that cannot be read."""
        taken = {bits.number(_payload(unit), 24) for unit in self.sequence_sets}
        return taken | {bits.number(_payload(unit), 0) - _PICTURES_FROM for unit in self.picture_sets}


def parse(record: bytes) -> AvcConfiguration | None:
    """Take an `avcC` record apart; None when it is not one, or one with units we cannot walk through."""
    if len(record) < 7 or record[0] != 1 or record[4] & 3 != 3:
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
    return AvcConfiguration(profile, compatibility, level, 4, sequence, picture, record[at:])


def renumber(config: AvcConfiguration, number: int) -> AvcConfiguration | None:
    """The same under set number `number` (1 to 15); None when it is not one pair of sets with id 0."""
    if len(config.sequence_sets) != 1 or len(config.picture_sets) != 1:
        return None
    try:
        sets = [renumber_unit(unit, number) for unit in (*config.sequence_sets, *config.picture_sets)]
    except ValueError:
        return None
    return replace(config, sequence_sets=tuple(sets[:1]), picture_sets=tuple(sets[1:]))


def renumber_unit(unit: bytes, number: int) -> bytes:
    """A unit that names set number `number` instead of 0; empty when it is better left out.

    Raises:
        ValueError: it names another id than 0, or cannot be read.
    """
    kind = unit[0] & 0x1F
    if kind in _SLICES:
        # The header's first three numbers take ten bytes at the most.
        payload = bits.unprotect(unit[1:])
        head = bits.read(payload[:10])
        at = bits.number_end(head, bits.number_end(head, 0))
        changed = bits.write(bits.swap(head, at, _PICTURES_FROM + number))
        return unit[:1] + bits.protect(changed + payload[10:])
    if kind == _SEQUENCE:
        return unit[:1] + bits.protect(bits.write(bits.trailing(bits.swap(_payload(unit), 24, number))))
    if kind == _PICTURE:
        first = bits.swap(_payload(unit), 0, _PICTURES_FROM + number)
        both = bits.swap(first, bits.number_end(first, 0), number)
        return unit[:1] + bits.protect(bits.write(bits.trailing(both)))
    if kind == _MESSAGE and unit[1] in _TIMING:
        return b""
    return unit


def is_entry(unit: bytes) -> bool | None:
    """Whether decoding can begin at the picture this unit is of; None when it is of none."""
    kind = unit[0] & 0x1F
    return kind == _IDR if kind in _SLICES else None


def merge(first: AvcConfiguration, *others: AvcConfiguration) -> bytes:
    """One record for all.

    Raises:
        MediaError: there are more sets than a record can hold.
    """
    every = (first, *others)
    wide = max(every, key=lambda one: (one.profile, one.extension))
    compatibility = first.compatibility
    for one in others:
        compatibility &= one.compatibility
    sequence = tuple(unit for one in every for unit in one.sequence_sets)
    picture = tuple(unit for one in every for unit in one.picture_sets)
    if len(sequence) > 31 or len(picture) > 255:
        raise MediaError("the clips have more H.264 parameter sets than one track can hold")
    both = replace(
        wide,
        compatibility=compatibility,
        level=max(one.level for one in every),
        sequence_sets=sequence,
        picture_sets=picture,
        # Part of the record from High on (§5.3.3.1.2): when absent, it is 4:2:0 and 8 bits.
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


def _payload(unit: bytes) -> str:
    return bits.read(bits.unprotect(unit[1:]))


def name(record: bytes) -> str:
    """The codec's name for a playlist (RFC 6381), given its `avcC` record."""
    return f"avc1.{record[1:4].hex().upper()}"
