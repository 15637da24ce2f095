"""What a reference input is: the facts a catalog's limits speak of (type, bytes, pixels, seconds)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from longtake.errors import PreflightError
from longtake.media.streams.sniff import MediaKind, sniff

if TYPE_CHECKING:
    from pathlib import Path

    from longtake.media.streams.probing import Probe

__all__ = ["InputFacts", "inspect"]


@dataclass(frozen=True, slots=True)
class InputFacts:
    """A reference input: pixels are 0 for a sound, seconds 0 for an image.

    `format` is one of jpeg, png, webp, bmp, tiff, gif, heic, avif, mp4, mov, webm, wav, mp3, aac, m4a, flac, ogg. `codec` is
    the picture's (h264, hevc, …) or the sound's, empty for an image.
    """

    kind: MediaKind
    format: str
    bytes: int
    width: int = 0
    height: int = 0
    seconds: float = 0.0
    codec: str = ""


def inspect(path: Path) -> InputFacts:
    """Say what a reference input is by its content; its name and extension count for nothing.

    The header of an image is enough, so that `plan` stays fast: whether every pixel decodes is not looked at.

    Raises:
        MediaError: it cannot be read, is of no known type (SVG and HTML are named), or is broken.
        PreflightError: PyAV does not work here.
    """
    found = sniff(path)
    if found.kind == "image" and found.size:
        return InputFacts("image", found.format, path.stat().st_size, *found.size)
    facts = _probed(path)
    codec = facts.codec or (facts.audio.codec if facts.audio else "")
    return InputFacts(facts.kind, facts.format, facts.bytes, facts.width, facts.height, facts.seconds, codec)


def _probed(path: Path) -> Probe:
    """Probe a file that is looked at before the preflight: a PyAV of another version is said to be one, not a broken input."""
    try:
        from longtake.media.streams.probing import probe  # noqa: PLC0415 - PyAV, which images do not need

        return probe(path)
    except (AttributeError, ImportError, TypeError) as error:
        raise PreflightError(
            f"PyAV cannot be used to read {path.name}: {type(error).__name__}: {error}",
            next_step="install a version that Longtake supports (`pip install --upgrade longtake av`); nothing was charged",
            check="media",
            step="inspect",
            cause=type(error).__name__,
        ) from error
