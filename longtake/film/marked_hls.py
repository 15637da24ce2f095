"""Marked copies for HLS: one fragmented MP4 that holds all segments and is marked as a film is, and playlists of its byte ranges.

C2PA also knows a mark in each fragment, with a tree of digests. The SDK for Python checks these and writes none, while one file
of fragments is signed as any MP4 is. The signature covers the playlists and captions by their digests; a playlist's is that of
the text before the manifest was embedded, which moves every byte range.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from longtake import media
from longtake.errors import MediaError
from longtake.film import marking, marks

if TYPE_CHECKING:
    from pathlib import Path

    from longtake.film.marks import Marks
    from longtake.film.signing import Signing
    from longtake.manifest import Manifest

_FILM, _INDEX, _SEGMENTS = "film.mp4", "index.m3u8", "film.m3u8"
_RANGES = re.compile(r"(?m)^#EXT-X-(?:BYTERANGE:|MAP:URI=\"film\.mp4\",BYTERANGE=\")([0-9]+)@([0-9]+)")
_MOST_TEXT = 64 * 1024**2


def mark(
    film: Path, into: Path, manifest: Manifest, signer: Signing | None = None, *, captions: Path | None = None
) -> None:
    """Write a folder for HLS whose film is marked: with XMP, and signed where `signer` is given.

    Args:
        film: the joined film.
        into: the folder; it must not exist.
        manifest: the film's.
        signer: what signs.
        captions: a WebVTT file, which becomes a rendition.

    Raises:
        SettingsError: the extra `c2pa` is not installed, or the certificate or key cannot be used.
        MediaError, FfmpegError: the folder cannot be written.
    """
    media.hls(film, into, captions=captions, single=True)
    others = {one.name: _digest(one.read_bytes()) for one in sorted(into.iterdir()) if one.name != _FILM}
    plain = (into / _FILM).rename(into / "plain.mp4")
    try:
        marking.mark(plain, into / _FILM, manifest, signer, files=others)
    finally:
        plain.unlink(missing_ok=True)
    playlist = into / _SEGMENTS
    playlist.write_text(_moved(playlist.read_text(), marks.signed_bytes(into / _FILM)))


def verify(path: Path, *, trust: Path | None = None) -> Marks:
    """Read the marks of a file or of an HLS folder (or a playlist in it), and check the signature.

    Args:
        path: an MP4 file, a playlist, or the folder of one.
        trust: certificates (PEM) of issuers to trust; without them no issuer counts as unknown.

    Raises:
        SettingsError: it is signed, and the extra `c2pa` is not installed.
        MediaError: it cannot be read.
    """
    if not path.is_dir() and path.suffix != ".m3u8":
        return marks.verify_file(path, trust=trust)
    folder = path if path.is_dir() else path.parent
    found = marks.verify_file(folder / _FILM, trust=trust)
    try:
        moved = marks.signed_bytes(folder / _FILM)
        wrong = [name for name, digest in found.files if _found(folder, name, moved) != digest]
    except OSError as error:
        raise MediaError(f"{folder} cannot be read: {error.strerror}", next_step="name a folder for HLS") from None
    problems = [f"{name}: it is not the file that was signed, or is missing" for name in wrong]
    return replace(found, problems=(*found.problems, *problems))


def _found(folder: Path, name: str, moved: int) -> str | None:
    """The digest of a file of the folder as it was before the manifest was embedded; None where it is not there."""
    path = folder / name
    if path.parent != folder or not path.is_file() or path.stat().st_size > _MOST_TEXT:
        return None
    data = path.read_bytes()
    if name == _SEGMENTS:
        try:
            data = _moved(data.decode(), -moved).encode()
        except UnicodeDecodeError:
            return None
    return _digest(data)


def _moved(playlist: str, by: int) -> str:
    """A playlist whose byte ranges begin later: the manifest stands between the file's type and its description."""

    def move(found: re.Match[str]) -> str:
        length, at = int(found[1]), int(found[2])
        # The range that begins the file holds the manifest; all others lie behind it.
        length, at = (length, at + by) if at else (length + by, at)
        return f"{found[0][: found.start(1) - found.start()]}{length}@{at}"

    return _RANGES.sub(move, playlist)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
