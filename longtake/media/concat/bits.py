"""The bits inside coded H.264 and HEVC units: Exp-Golomb numbers, and the bytes that keep start codes from appearing."""

from __future__ import annotations

import re

_UNSAFE = re.compile(rb"\0\0(?=[\0-\3])")


def unprotect(data: bytes) -> bytes:
    """A unit's bytes without the emulation prevention bytes (ITU-T H.264 §7.4.1)."""
    return data.replace(b"\0\0\3", b"\0\0")


def protect(data: bytes) -> bytes:
    """The opposite of `unprotect`."""
    return _UNSAFE.sub(b"\0\0\3", data)


def read(data: bytes) -> str:
    """Bytes as a text of 0 and 1."""
    return "".join(f"{byte:08b}" for byte in data)


def write(bits: str) -> bytes:
    """The opposite of `read`; the length must be whole bytes."""
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


def trailing(bits: str) -> str:
    """Bits that end with a stop bit, filled up with zeros to whole bytes."""
    bits = bits.rstrip("0")
    return bits + "0" * (-len(bits) % 8)


def number_end(bits: str, at: int) -> int:
    """Where the Exp-Golomb number at `at` ends.

    Raises:
        ValueError: there is none.
    """
    one = bits.find("1", at)
    end = 2 * one - at + 1
    if one < 0 or end > len(bits):
        raise ValueError("no number")
    return end


def number(bits: str, at: int) -> int:
    """The Exp-Golomb number at `at`; raises as `number_end`."""
    return int(bits[at : number_end(bits, at)], 2) - 1


def code(value: int) -> str:
    """A number as Exp-Golomb bits."""
    plain = f"{value + 1:b}"
    return "0" * (len(plain) - 1) + plain


def swap(bits: str, at: int, value: int) -> str:
    """Put the id `value` where the id 0 is, both Exp-Golomb numbers.

    Raises:
        ValueError: another id is there.
    """
    if bits[at : at + 1] != "1":
        raise ValueError("names an id other than 0")
    return bits[:at] + code(value) + bits[at + 1 :]
