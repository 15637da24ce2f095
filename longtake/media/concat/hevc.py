"""HEVC parameter sets under other numbers: what `longtake.media.concat.avc` does, for H.265.

The same holds (ISO/IEC 14496-15 §8.3.3, ITU-T H.265 §7.3): ids of picture sets run to 63 and 15 to 30 take nine bits, so a slice
grows by one byte and its entry points, which count from the end of its header, stay right.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from longtake.media.concat import bits

_VIDEO, _SEQUENCE, _PICTURE = 32, 33, 34
_MESSAGES = (39, 40)
_ENTRIES = range(16, 22)
_SLICES = (*range(10), *_ENTRIES)
_CLEAN, _BROKEN = 21, 16
"""Clean random access picture, and the same where pictures before it are of something else (broken link access)."""
_PICTURES_FROM = 14
_TIMING = (0, 1, 129)
"""Messages about buffering, timing and active sets: they name a sequence or video set."""
_SETS_AT = 22
_LEVEL_AT = 12


@dataclass(frozen=True, slots=True)
class HevcConfiguration:
    """An `hvcC` record, taken apart: `head` is what comes before the sets, `sets` are the units of each type, in order."""

    head: bytes
    sets: tuple[tuple[int, bytes], ...]

    def pack(self) -> bytes:
        """The bytes of the record."""
        kinds = sorted({kind for kind, _ in self.sets})
        parts = [self.head, bytes((len(kinds),))]
        for kind in kinds:
            units = [unit for one, unit in self.sets if one == kind]
            # The first bit: all sets are here, none inside the samples.
            parts += [bytes((0x80 | kind,)), len(units).to_bytes(2, "big")]
            parts += [len(unit).to_bytes(2, "big") + unit for unit in units]
        return b"".join(parts)

    def numbers(self) -> set[int]:
        """The set numbers whose ids are taken here; raises ValueError for a set that cannot be read."""
        taken = set()
        for kind, unit in self.sets:
            text = _payload(unit)
            if kind == _VIDEO:
                taken.add(int(text[:4], 2))
            elif kind == _SEQUENCE:
                taken.add(bits.number(text, _sequence_id(text)))
            elif kind == _PICTURE:
                taken.add(bits.number(text, 0) - _PICTURES_FROM)
        return taken


def parse(record: bytes) -> HevcConfiguration | None:
    """Take an `hvcC` record apart; None when it is not one, or one with units we cannot walk through."""
    if len(record) <= _SETS_AT or record[0] != 1 or record[21] & 3 != 3:
        return None
    sets = []
    at = _SETS_AT + 1
    try:
        for _ in range(record[_SETS_AT]):
            kind, count = record[at] & 0x3F, int.from_bytes(record[at + 1 : at + 3], "big")
            at += 3
            for _ in range(count):
                size = int.from_bytes(record[at : at + 2], "big")
                at += 2 + size
                if at > len(record) or size < 3:
                    return None
                sets.append((kind, record[at - size : at]))
    except IndexError:
        return None
    if {_VIDEO, _SEQUENCE, _PICTURE} - {kind for kind, _ in sets}:
        return None
    return HevcConfiguration(record[:_SETS_AT], tuple(sets))


def renumber(config: HevcConfiguration, number: int) -> HevcConfiguration | None:
    """The same under set number `number` (1 to 15); None when it is not one set of each kind with id 0."""
    kinds = [kind for kind, _ in config.sets]
    if any(kinds.count(kind) != 1 for kind in (_VIDEO, _SEQUENCE, _PICTURE)):
        return None
    try:
        sets = tuple((kind, renumber_unit(unit, number)) for kind, unit in config.sets)
    except ValueError:
        return None
    return replace(config, sets=tuple((kind, unit) for kind, unit in sets if unit))


def renumber_unit(unit: bytes, number: int) -> bytes:
    """A unit that names set number `number` instead of 0; empty when it is better left out.

    Raises:
        ValueError: it names another id than 0, or cannot be read.
    """
    kind = (unit[0] >> 1) & 0x3F
    if kind in _SLICES:
        payload = bits.unprotect(unit[2:])
        head = bits.read(payload[:4])
        # Before the id: is it the picture's first slice, and for entries: may earlier pictures be dropped.
        changed = bits.swap(head, 2 if kind in _ENTRIES else 1, _PICTURES_FROM + number)
        return unit[:2] + bits.protect(bits.write(changed) + payload[4:])
    if kind == _VIDEO:
        return _made(unit, _swap_nibble(_payload(unit), number))
    if kind == _SEQUENCE:
        text = _swap_nibble(_payload(unit), number)
        return _made(unit, bits.swap(text, _sequence_id(text), number))
    if kind == _PICTURE:
        first = bits.swap(_payload(unit), 0, _PICTURES_FROM + number)
        return _made(unit, bits.swap(first, bits.number_end(first, 0), number))
    if kind in _MESSAGES and unit[2] in _TIMING:
        return b""
    return unit


def splice(unit: bytes) -> bytes:
    """Change a unit of the first picture after a joint: decoders must not take it for a continuation of the picture before."""
    kind = (unit[0] >> 1) & 0x3F
    return bytes((unit[0] & 0x81 | _BROKEN << 1,)) + unit[1:] if kind == _CLEAN else unit


def is_entry(unit: bytes) -> bool | None:
    """Whether decoding can begin at the picture this unit is of; None when it is of none."""
    kind = (unit[0] >> 1) & 0x3F
    return kind in _ENTRIES if kind in _SLICES else None


def merge(first: HevcConfiguration, *others: HevcConfiguration) -> bytes:
    """One record for all: the first one's, with every set and the highest level."""
    every = (first, *others)
    level = max(one.head[_LEVEL_AT] for one in every)
    head = first.head[:_LEVEL_AT] + bytes((level,)) + first.head[_LEVEL_AT + 1 :]
    wanted = (_VIDEO, _SEQUENCE, _PICTURE)
    sets = [*first.sets, *((kind, unit) for one in others for kind, unit in one.sets if kind in wanted)]
    return HevcConfiguration(head, tuple(sets)).pack()


def _payload(unit: bytes) -> str:
    return bits.read(bits.unprotect(unit[2:]))


def _made(unit: bytes, text: str) -> bytes:
    return unit[:2] + bits.protect(bits.write(bits.trailing(text)))


def _sequence_id(text: str) -> int:
    """Where a sequence set's own id is: behind the profile, tier and level, which sub-layers make longer (§7.3.3)."""
    layers = int(text[4:7], 2)
    at = 8 + 96
    if layers:
        flags = text[at : at + 2 * layers]
        at += 16 + sum(88 if place % 2 == 0 else 8 for place, flag in enumerate(flags) if flag == "1")
    return at


def _swap_nibble(text: str, value: int) -> str:
    """Put `value` into the first four bits, which must be 0."""
    if text[:4] != "0000":
        raise ValueError("names an id other than 0")
    return f"{value:04b}{text[4:]}"


def name(record: bytes) -> str:
    """The codec's name for a playlist (ISO/IEC 14496-15 annex E), given its `hvcC` record."""
    space, tier = ("", "A", "B", "C")[record[1] >> 6], "LH"[record[1] >> 5 & 1]
    # Compatibility flags are written in the reverse order of their bits; zero bytes at the end of the constraints are left out.
    flags = int(f"{int.from_bytes(record[2:6], 'big'):032b}"[::-1], 2)
    constraints = "".join(f".{byte:X}" for byte in record[6:12].rstrip(b"\0"))
    return f"hvc1.{space}{record[1] & 31}.{flags:X}.{tier}{record[12]}{constraints}"
