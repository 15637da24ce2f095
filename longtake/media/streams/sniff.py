"""What a file is by its first bytes: never by its name, and never by letting a demuxer guess.

Guessing is how a text file that lists other files (a playlist, a concat script) gets opened as a video. So every
file is recognized here first and then opened with exactly that demuxer.
"""

from __future__ import annotations

import contextlib
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal

from longtake.errors import MediaError
from longtake.media.safety.atoms import check_boxes
from longtake.media.safety.chunks import check_chunks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MediaSource = Path | BinaryIO
"""A file on this machine, or an open seekable one, such as an object in S3 read in ranges."""

MediaKind = Literal["image", "video", "audio"]

MAX_SIDE = 8192
"""Pixels a side may have before a file is refused unread."""
MAX_PIXELS = 48_000_000
"""Pixels a picture may have before it is refused unread: one decoded frame stays under 400 MB. 8K film has 35 million."""
_HEAD = 64 * 1024
_STILL_BRANDS = {b"heic": "heic", b"heix": "heic", b"heim": "heic", b"mif1": "heic", b"msf1": "heic", b"avif": "avif"}
_ATOMS = {b"moov", b"mdat", b"wide", b"free", b"skip"}


@dataclass(frozen=True, slots=True)
class Sniffed:
    """A recognized file. `size` (width, height in pixels) is read from the header of still images only."""

    kind: MediaKind
    format: str
    demuxer: str
    size: tuple[int, int] | None = None


def sniff(source: MediaSource) -> Sniffed:
    """Recognize a file.

    Raises:
        MediaError: it cannot be read, is of no known type, is an image larger than `MAX_SIDE` and `MAX_PIXELS` allow, or
            is an MP4 that promises more than it can hold or names other files.
    """
    name = name_of(source)
    with reading(source) as file:
        head = file.read(_HEAD)
        try:
            found = _recognise(head, file)
        except (struct.error, IndexError) as error:
            raise MediaError(f"{name} starts like {describe(head)} but its header is broken") from error
        if found is None:
            raise MediaError(f"{name} is {describe(head)}, not a picture, a video or a sound")
        if found.size:
            check_size(name, *found.size)
        if found.demuxer == "mov":
            check_boxes(file, name)
        if found.format == "png":
            check_chunks(file, name)
    return found


@contextlib.contextmanager
def reading(source: MediaSource) -> Iterator[BinaryIO]:
    """Open the file, or rewind one that is already open and leave it open.

    Raises:
        MediaError: it cannot be read.
    """
    try:
        if isinstance(source, Path):
            with source.open("rb") as file:
                yield file
        else:
            source.seek(0)
            yield source
    except OSError as error:
        raise MediaError(f"{name_of(source)} cannot be read: {error.strerror or type(error).__name__}") from error


def name_of(source: MediaSource) -> str:
    """What to call a file in messages; an open one may be named after a signed URL, so its own name is not said."""
    return source.name if isinstance(source, Path) else "the file"


def size_of(source: MediaSource) -> int:
    """Bytes in a file."""
    return source.stat().st_size if isinstance(source, Path) else source.seek(0, 2)


def check_size(name: str, width: int, height: int) -> None:
    """Refuse a picture too large to decode.

    Raises:
        MediaError: a side has no pixels or more than `MAX_SIDE`, or there are more than `MAX_PIXELS`.
    """
    if not (min(width, height) > 0 and max(width, height) <= MAX_SIDE):
        raise MediaError(f"{name} is {width}×{height} pixels; a side may have 1 to {MAX_SIDE}")
    if width * height > MAX_PIXELS:
        raise MediaError(f"{name} is {width}×{height} pixels; {MAX_PIXELS / 1e6:g} million are read at most")


def describe(head: bytes) -> str:
    """Name what the first bytes of a file look like, for messages of the form "asked for …, got …"."""
    if not head:
        return "empty"
    start = head[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return "HTML"
    if start.startswith(b"<svg") or b"<svg" in start:
        return "SVG"
    for magic, name in ((b"<", "XML"), (b"{", "JSON"), (b"[", "JSON"), (b"#extm3u", "a playlist"), (b"%pdf", "PDF")):
        if start.startswith(magic):
            return name
    try:
        found = _recognise(head, None)
    except (struct.error, IndexError):
        found = None
    if found:
        return found.format.upper()
    return "text" if all(byte >= 0x20 or byte in b"\t\r\n" for byte in head[:256]) else "of an unknown format"


def _recognise(head: bytes, file: BinaryIO | None) -> Sniffed | None:
    for test in (_base_media, _riff):
        found = test(head)
        if found:
            return found
    for magic, kind, name, demuxer, size in _MAGIC:
        if head.startswith(magic):
            return Sniffed(kind, name, demuxer, size(head, file) if size and file else None)
    # The frame syncs of bare AAC and MP3: eleven or twelve set bits, then a layer that tells the two apart.
    if len(head) > 2 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0:
        return Sniffed("audio", "aac", "aac")
    if len(head) > 2 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0 and head[1] & 0x06:
        return Sniffed("audio", "mp3", "mp3")
    return None


def _base_media(head: bytes) -> Sniffed | None:
    if head[4:8] in _ATOMS:
        return Sniffed("video", "mov", "mov")
    if head[4:8] != b"ftyp":
        return None
    brand = head[8:12]
    if brand in _STILL_BRANDS:
        return Sniffed("image", _STILL_BRANDS[brand], "mov", _ispe(head))
    if brand in {b"M4A ", b"M4B "}:
        return Sniffed("audio", "m4a", "mov")
    return Sniffed("video", "mov" if brand == b"qt  " else "mp4", "mov")


def _ispe(head: bytes) -> tuple[int, int]:
    """The largest image extent named: a picture made of tiles names the tiles' too."""
    best, at = (0, 0), head.find(b"ispe")
    while at != -1:
        best = max(best, struct.unpack(">II", head[at + 8 : at + 16]))
        at = head.find(b"ispe", at + 4)
    return best


def _riff(head: bytes) -> Sniffed | None:
    if head[:4] != b"RIFF":
        return None
    if head[8:12] == b"WAVE":
        return Sniffed("audio", "wav", "wav")
    if head[8:12] == b"WEBP":
        return Sniffed("image", "webp", "webp_pipe", _webp(head))
    return None


def _webp(head: bytes) -> tuple[int, int]:
    chunk = head[12:16]
    if chunk == b"VP8X":
        return 1 + int.from_bytes(head[24:27], "little"), 1 + int.from_bytes(head[27:30], "little")
    if chunk == b"VP8L":
        bits = struct.unpack("<I", head[21:25])[0]
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width, height = struct.unpack("<HH", head[26:30])
    return width & 0x3FFF, height & 0x3FFF


def _png(head: bytes, _: BinaryIO) -> tuple[int, int]:
    width, height = struct.unpack(">II", head[16:24])
    return width, height


def _gif(head: bytes, _: BinaryIO) -> tuple[int, int]:
    width, height = struct.unpack("<HH", head[6:10])
    return width, height


def _bmp(head: bytes, _: BinaryIO) -> tuple[int, int]:
    width, height = struct.unpack("<ii", head[18:26])
    return width, abs(height)


def _jpeg(_: bytes, file: BinaryIO) -> tuple[int, int]:
    """Walk the segments to the frame header; a thumbnail inside EXIF is one skipped segment on the way."""
    file.seek(2)
    while True:
        marker, kind, length = struct.unpack(">BBH", file.read(4))
        if marker != 0xFF:
            raise IndexError
        if 0xC0 <= kind <= 0xCF and kind not in {0xC4, 0xC8, 0xCC}:
            height, width = struct.unpack(">xHH", file.read(5))
            return width, height
        file.seek(length - 2, 1)


def _tiff(head: bytes, file: BinaryIO) -> tuple[int, int]:
    end = "<" if head.startswith(b"II") else ">"
    file.seek(struct.unpack(end + "I", head[4:8])[0])
    size = {256: 0, 257: 0}
    for _ in range(struct.unpack(end + "H", file.read(2))[0]):
        tag, kind, _count, value = struct.unpack(end + "HHI4s", file.read(12))
        if tag in size:
            size[tag] = struct.unpack(end + ("H2x" if kind == 3 else "I"), value)[0]
    return size[256], size[257]


_MAGIC: tuple[tuple[bytes, MediaKind, str, str, Callable[[bytes, BinaryIO], tuple[int, int]] | None], ...] = (
    (b"\x89PNG\r\n\x1a\n", "image", "png", "png_pipe", _png),
    (b"\xff\xd8\xff", "image", "jpeg", "jpeg_pipe", _jpeg),
    (b"GIF8", "image", "gif", "gif", _gif),
    (b"BM", "image", "bmp", "bmp_pipe", _bmp),
    (b"II*\0", "image", "tiff", "tiff_pipe", _tiff),
    (b"MM\0*", "image", "tiff", "tiff_pipe", _tiff),
    (b"\x1a\x45\xdf\xa3", "video", "webm", "matroska", None),
    (b"fLaC", "audio", "flac", "flac", None),
    (b"OggS", "audio", "ogg", "ogg", None),
    (b"ID3", "audio", "mp3", "mp3", None),
)
