"""A film as HTTP Live Streaming: a playlist and segments of the film's own coded frames."""

from __future__ import annotations

import shutil
import uuid
from typing import TYPE_CHECKING, Any

from longtake.errors import FfmpegError, MediaError
from longtake.media import ffmpeg
from longtake.media.streams.probing import probe
from longtake.media.streams.sniff import sniff

if TYPE_CHECKING:
    from pathlib import Path

_SEGMENT = 6
"""Seconds a segment should have; it ends at the next key frame."""


def hls(film: Path, folder: Path) -> None:
    """Write `film` as a playlist `index.m3u8`, `init.mp4` and segments into `folder`, which appears whole or not at all.

    Nothing is encoded: segments end at key frames, equal films give equal bytes.

    Raises:
        MediaError: the film is no video, or `folder` is there already.
        FfmpegError: ffmpeg failed, or the folder cannot be written.
    """
    facts = probe(film)
    if facts.kind != "video":
        raise MediaError(f"{film.name}: asked for a film, got {facts.format.upper()}")
    if folder.exists():
        raise MediaError(f"{folder.name} is there already", next_step="remove it or name another folder")
    beside = folder.with_name(f".{uuid.uuid4().hex}.part")
    try:
        beside.mkdir(parents=True)
        ffmpeg.run(
            _arguments(film, facts.codec, sound=facts.audio is not None), cwd=beside, timeout=600 + facts.seconds
        )
        beside.replace(folder)
    except OSError as error:
        raise FfmpegError(f"{folder.name} cannot be written: {error.strerror or type(error).__name__}") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _arguments(film: Path, codec: str, *, sound: bool) -> list[str]:
    import ffmpeg as graph  # noqa: PLC0415 - see ffmpeg.source()

    source = ffmpeg.source(film, sniff(film).demuxer)
    options: dict[str, Any] = {
        "f": "hls",
        "c": "copy",
        "hls_time": _SEGMENT,
        "hls_playlist_type": "vod",
        "hls_segment_type": "fmp4",
        "hls_flags": "independent_segments",
        "hls_fmp4_init_filename": "init.mp4",
        "hls_segment_filename": "%05d.m4s",
        "fflags": "+bitexact",
        "map_metadata": -1,
        "map_chapters": -1,
        **({"tag:v": "hvc1"} if codec == "hevc" else {}),
    }
    streams = [source["v:0"], *([source["a:0"]] if sound else [])]
    return ffmpeg.arguments(graph.output(*streams, "index.m3u8", **options))
