"""Whether a file is a clip, or a picture, that can be used."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any

from longtake.errors import MediaError
from longtake.media.streams.probing import look, opened
from longtake.media.streams.sniff import describe, name_of, reading, size_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from av.video.frame import VideoFrame

    from longtake.media.streams.facts import JoinProbe, Probe
    from longtake.media.streams.sniff import MediaSource

FPS = 24
"""Frames a second of every model known (provider-contract.md §5)."""
SIZE_TOLERANCE = 16
"""Pixels a side may differ from the published size: families differ by up to 16 at 480p (provider-contract.md §5)."""
MAX_CLIP_BYTES = 4 * 1024**3
"""Far above a minute of 4K at any rate a provider sends."""
MAX_CLIP_FRAMES = 18_000
"""Five minutes at 60 frames a second; models make clips of seconds."""
MAX_DECODE_SECONDS = 900
"""Wall time one clip may take to decode: hundreds of times what a minute of 4K takes on one core."""
_CODECS = {"h264": "H.264", "hevc": "H.265"}


def check_clip(path: Path) -> Probe:
    """Check that a clip decodes to its end at `FPS`, and return its probe.

    Every frame is decoded: a clip is usually one group of pictures, so nothing less would find a broken frame, and at 480p
    it costs a few hundredths of a CPU second for each second of film.

    Raises:
        MediaError: it does not; the message says what was expected and what is there.
    """
    facts = usable(path).probe
    if facts.fps != FPS:
        raise MediaError(f"{path.name}: expected {FPS} frames a second, got {float(facts.fps or 0):g}")
    for _ in decoded(path, facts):
        pass
    return facts


def check_image(path: Path, *, pixels: tuple[int, int] | None = None) -> Probe:
    """Check a last frame: a PNG that decodes, of this many pixels ± `SIZE_TOLERANCE`.

    Raises:
        MediaError: it is not that; the message says what was expected and what is there.
    """
    _expect(path, "PNG", b"\x89PNG\r\n\x1a\n", 0)
    facts = look(path).probe
    if pixels is not None and any(
        abs(side - wanted) > SIZE_TOLERANCE for side, wanted in zip((facts.width, facts.height), pixels, strict=True)
    ):
        raise MediaError(f"{path.name}: expected {pixels[0]}×{pixels[1]} pixels, got {facts.width}×{facts.height}")
    for _ in decoded(path, facts):
        pass
    return facts


def usable(clip: MediaSource) -> JoinProbe:
    """Probe a clip and check that it is an MP4 of a usable kind. Its frames are not checked.

    Raises:
        MediaError: it is not, is truncated, or holds more than `MAX_CLIP_BYTES` or `MAX_CLIP_FRAMES`.
    """
    name = name_of(clip)
    _expect(clip, "MP4", b"ftyp", 4)
    if size_of(clip) > MAX_CLIP_BYTES:
        raise MediaError(f"{name} has {size_of(clip)} bytes; a clip may have {MAX_CLIP_BYTES}")
    seen = look(clip, most=MAX_CLIP_FRAMES)
    facts = seen.probe
    if facts.kind != "video":
        raise MediaError(f"{name}: expected a video, got {facts.kind} only")
    if facts.codec not in _CODECS:
        raise MediaError(f"{name}: expected H.264 or H.265, got {facts.codec}")
    return seen


def decoded(clip: MediaSource, facts: Probe) -> Iterator[VideoFrame]:
    """Every frame of a clip, in the order they are shown.

    Raises:
        MediaError: one is damaged (libav paints over damage, and says so on the frame when it noticed any) or missing, or
            decoding takes longer than `MAX_DECODE_SECONDS`.
    """
    name, whole = name_of(clip), 0
    latest = monotonic() + MAX_DECODE_SECONDS
    with opened(clip, known=True) as container:
        context: Any = container.streams.video[0].codec_context
        # libav's threads miss damage in some of many runs: a clip that is kept today would be refused tomorrow.
        context.skip_frame, context.thread_type, context.thread_count = "DEFAULT", "FRAME", 1
        for frame in container.decode(video=0):
            if frame.is_corrupt:
                raise MediaError(f"{name}: frame {whole} of {facts.frames} is damaged")
            if monotonic() > latest:
                raise MediaError(f"{name}: {whole} of {facts.frames} frames took {MAX_DECODE_SECONDS} s to decode")
            yield frame
            whole += 1
    if whole != facts.frames:
        raise MediaError(f"{name}: {whole} of {facts.frames} frames can be decoded")


def _expect(source: MediaSource, name: str, magic: bytes, at: int) -> None:
    with reading(source) as file:
        head = file.read(4096)
    if head[at : at + len(magic)] != magic:
        raise MediaError(f"{name_of(source)}: expected {name}, got {describe(head)}")
