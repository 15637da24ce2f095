"""Single frames out of a clip or a film."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longtake.errors import MediaError
from longtake.media import ffmpeg, graphs
from longtake.media.files import replacing
from longtake.media.probing import probe

if TYPE_CHECKING:
    from pathlib import Path

    from longtake.media.probing import Probe

__all__ = ["last_frame", "poster"]

_TIMEOUT = 300.0


def last_frame(clip: Path, into: Path) -> None:
    """Write the last frame that `clip` shows to `into`: PNG, RGB, of the video's own size.

    Colours follow the clip's matrix and range; a clip that names none is read as players do it (BT.709 from 720 lines on).

    Raises:
        MediaError: `clip` is no video or its last frame cannot be decoded.
        FfmpegError: ffmpeg is missing or failed.
    """
    facts = _video(clip)
    with replacing(into) as beside:
        ffmpeg.run(graphs.still(graphs.Clip(clip, facts), beside), timeout=_TIMEOUT)
        _check_written(beside, clip)


def poster(film: Path, into: Path, at: float) -> None:
    """Write the frame that `film` shows at `at` seconds (the last one when it is shorter) to `into`.

    A PNG when `into` ends with `.png`, else a JPEG.

    Raises:
        MediaError: `film` is no video or the frame cannot be decoded.
        FfmpegError: ffmpeg is missing or failed.
    """
    facts = _video(film)
    with replacing(into) as beside:
        jpeg = into.suffix.lower() != ".png"
        ffmpeg.run(graphs.poster(graphs.Clip(film, facts), at, beside, jpeg=jpeg), timeout=_TIMEOUT)
        _check_written(beside, film)


def _video(path: Path) -> Probe:
    facts = probe(path)
    if facts.kind != "video":
        raise MediaError(f"{path.name}: asked for a video, got {facts.format.upper()}")
    return facts


def _check_written(image: Path, source: Path) -> None:
    # ffmpeg ends with 0 when it could decode nothing.
    if not image.exists() or image.stat().st_size == 0:
        raise MediaError(f"{source.name}: the frame asked for cannot be decoded")
