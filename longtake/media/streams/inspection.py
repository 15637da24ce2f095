"""What a reference input is: the facts that a catalog's limits name (type, bytes, pixels, seconds), and that it decodes."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from longtake.errors import MediaError, PreflightError
from longtake.media.safety.endings import is_cut_short
from longtake.media.streams.facts import Probe
from longtake.media.streams.sniff import sniff

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from longtake.media.streams.sniff import Sniffed

_STRICT = {"png": "crccheck+explode", "jpeg": "bitstream+buffer+explode"}
"""libav conceals damage in these formats by default. About other formats, TIFF among them, it is stricter than their encoders."""
_TILED = ("heic", "avif")
"""Pictures of up to a hundred streams, one for each tile, of which libav joins only some kinds: their header has to do."""


def inspect(path: Path) -> Probe:
    """Say what a reference input is by its content; its name and extension count for nothing. A sound's codec is in `codec`, too.

    Everything in it is decoded, because a provider charges for a request before it finds out that an input is damaged.

    Raises:
        MediaError: it cannot be read, is of no known type (SVG and HTML are named), or is damaged or truncated.
        PreflightError: PyAV does not work here.
    """
    found = sniff(path)
    with _working(path):
        if found.kind == "image" and found.size:
            if found.format not in _TILED:
                _decode(path, found)
            return Probe("image", found.format, path.stat().st_size, *found.size, frames=1)
        from longtake.media.streams.probing import probe  # noqa: PLC0415 - loads PyAV

        facts = probe(path)
        _decode(path, found)
    return replace(facts, codec=facts.codec or (facts.audio.codec if facts.audio else ""))


def _decode(path: Path, found: Sniffed) -> None:
    """Decode the picture and the sound of a file to their ends.

    Raises:
        MediaError: a part of it is missing or damaged. Damage that decodes to another picture or sound is not noticed.
    """
    from longtake.media.streams.probing import opened  # noqa: PLC0415 - loads PyAV

    if is_cut_short(path, found.format):
        raise MediaError(f"{path.name} is truncated: it ends before it says it does")
    whole = 0
    with opened(path, found) as container:
        pictures: tuple[Any, ...] = () if found.kind == "audio" else container.streams.video[:1]
        streams: list[Any] = [*pictures, *container.streams.audio[:1]]
        for stream in streams:
            stream.codec_context.thread_type, stream.codec_context.thread_count = "FRAME", 1  # as `checks.decoded`
            if found.format in _STRICT:
                stream.codec_context.options = {**stream.codec_context.options, "err_detect": _STRICT[found.format]}
        for packet in container.demux(streams):
            frames: Sequence[Any] = () if packet.is_corrupt else packet.decode()
            if packet.is_corrupt or any(frame.is_corrupt for frame in frames):
                raise MediaError(f"{path.name} is damaged or truncated: only its first {whole} frames decode")
            whole += len(frames)
    if not whole:
        raise MediaError(f"{path.name} is damaged or truncated: nothing in it decodes")


@contextlib.contextmanager
def _working(path: Path) -> Iterator[None]:
    """Inputs are read before the preflight: report an unsupported PyAV as such, not as a broken input."""
    try:
        yield
    except (AttributeError, ImportError, TypeError) as error:
        raise PreflightError(
            f"PyAV cannot be used to read {path.name}: {type(error).__name__}: {error}",
            next_step="install a version that Longtake supports (`pip install --upgrade longtake av`); nothing was charged",
            check="media",
            step="inspect",
            cause=type(error).__name__,
        ) from error
