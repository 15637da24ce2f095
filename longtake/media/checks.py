"""Whether what the provider sent is what was asked for, before it counts as a take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longtake.errors import MediaError
from longtake.media.probing import Probe, look, opened
from longtake.media.sniff import describe

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["FPS", "SIZE_TOLERANCE", "check_clip", "check_image"]

FPS = 24
"""Frames a second of every model known (contract §5)."""
SIZE_TOLERANCE = 16
"""Pixels a side may differ from the published size: families differ by up to 16 at 480p (contract §5)."""
_CODECS = {"h264": "H.264", "hevc": "H.265"}


def check_clip(
    path: Path, *, seconds: int | None = None, pixels: tuple[int, int] | None = None, audio: bool | None = None
) -> Probe:
    """Check a generated clip and say what is in it.

    Every frame is decoded: a clip is usually one group of pictures, so nothing less would find a broken frame, and at 480p
    it costs a few hundredths of a CPU second for each second of film.

    Args:
        path: the downloaded file.
        seconds: the duration asked for; `seconds * 24 + 1` frames are expected, one more or less is taken (contract §5).
            None, or less than 1 (the provider chose): any length.
        pixels: width and height asked for, ± `SIZE_TOLERANCE`; None: any size.
        audio: True when sound was asked for. Sound that was not asked for is no fault: the clip is paid for.

    Raises:
        MediaError: it is not that; the message says what was asked for and what came.
    """
    _expect(path, "MP4", b"ftyp", 4)
    seen = look(path)
    facts = seen.probe
    if facts.kind != "video":
        raise MediaError(f"{path.name}: asked for a video, got {facts.kind} only")
    if facts.codec not in _CODECS:
        raise MediaError(f"{path.name}: asked for H.264 or H.265, got {facts.codec}")
    if facts.fps != FPS:
        raise MediaError(f"{path.name}: asked for {FPS} frames a second, got {float(facts.fps or 0):g}")
    if seconds is not None and seconds > 0 and abs(facts.frames - (seconds * FPS + 1)) > 1:
        raise MediaError(
            f"{path.name}: asked for {seconds} s ({seconds * FPS + 1} frames), "
            f"got {facts.seconds:.2f} s ({facts.frames} frames)"
        )
    _check_pixels(path, facts, pixels)
    if audio and (facts.audio is None or facts.audio.seconds <= 0):
        raise MediaError(f"{path.name}: asked for sound, got none")
    _decode_all(path, facts)
    return facts


def check_image(path: Path, *, pixels: tuple[int, int] | None = None) -> Probe:
    """Check a last frame: a PNG that decodes, of the size asked for ± `SIZE_TOLERANCE`.

    Raises:
        MediaError: it is not that; the message says what was asked for and what came.
    """
    _expect(path, "PNG", b"\x89PNG\r\n\x1a\n", 0)
    facts = look(path).probe
    _check_pixels(path, facts, pixels)
    _decode_all(path, facts)
    return facts


def _expect(path: Path, name: str, magic: bytes, at: int) -> None:
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError as error:
        raise MediaError(f"{path.name} cannot be read: {error.strerror or error}") from error
    if head[at : at + len(magic)] != magic:
        raise MediaError(f"{path.name}: asked for {name}, got {describe(head)}")


def _check_pixels(path: Path, facts: Probe, pixels: tuple[int, int] | None) -> None:
    if pixels is None:
        return
    width, height = pixels
    if abs(facts.width - width) > SIZE_TOLERANCE or abs(facts.height - height) > SIZE_TOLERANCE:
        raise MediaError(f"{path.name}: asked for {width}×{height} pixels, got {facts.width}×{facts.height}")


def _decode_all(path: Path, facts: Probe) -> None:
    """Decode every frame; libav paints over damage, and says so on the frame when it noticed any."""
    whole = 0
    with opened(path) as container:
        container.streams.video[0].thread_type = "AUTO"
        for frame in container.decode(video=0):
            if frame.is_corrupt:
                raise MediaError(f"{path.name}: frame {whole} of {facts.frames} is damaged")
            whole += 1
    if whole != facts.frames:
        raise MediaError(f"{path.name}: {whole} of {facts.frames} frames can be decoded")
