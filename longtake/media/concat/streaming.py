"""A film as HTTP Live Streaming (RFC 8216): a multivariant playlist, and segments of the film's own coded frames."""

from __future__ import annotations

import math
import re
import shutil
import uuid
from typing import TYPE_CHECKING, Any

from longtake.errors import FfmpegError, MediaError
from longtake.media import ffmpeg
from longtake.media.concat import avc, hevc
from longtake.media.streams.probing import look
from longtake.media.streams.sniff import sniff

if TYPE_CHECKING:
    from pathlib import Path

    from longtake.media.streams.facts import JoinProbe

_SEGMENT = 6
"""Seconds a segment should have; it ends at the next key frame."""
_SOUND = "mp4a.40.2"
"""AAC-LC, which is what the join encodes."""


def hls(film: Path, folder: Path, *, captions: Path | None = None, single: bool = False) -> None:
    """Write `film` for HLS into `folder`, which appears whole or not at all.

    `index.m3u8` is the multivariant playlist and names the codecs, `film.m3u8` the playlist of the segments. Nothing is
    encoded: segments end at key frames, equal films give equal bytes.

    Args:
        film: the joined film.
        folder: where to; it must not exist.
        captions: a WebVTT file, which becomes a rendition.
        single: keep all segments in one file, `film.mp4`, of which the playlist names ranges of bytes.

    Raises:
        MediaError: the film is not a video, or `folder` exists.
        FfmpegError: ffmpeg failed, or the folder cannot be written.
    """
    seen = look(film)
    facts = seen.probe
    if facts.kind != "video":
        raise MediaError(f"{film.name}: expected a film, got {facts.format.upper()}")
    if folder.exists():
        raise MediaError(f"{folder.name} exists", next_step="remove it or name another folder")
    part = folder.with_name(f".{uuid.uuid4().hex}.part")
    try:
        part.mkdir(parents=True)
        command = _arguments(film, facts.codec, sound=facts.audio is not None, single=single)
        ffmpeg.run(command, cwd=part, timeout=600 + facts.seconds)
        if captions is not None:
            shutil.copyfile(captions, part / "captions.vtt")
            (part / "captions.m3u8").write_text(_captions(facts.seconds))
        (part / "index.m3u8").write_text(_index(seen, part, captions=captions is not None))
        part.replace(folder)
    except OSError as error:
        raise FfmpegError(f"{folder.name} cannot be written: {error.strerror or type(error).__name__}") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _index(seen: JoinProbe, folder: Path, *, captions: bool) -> str:
    """The multivariant playlist of the segments in a folder."""
    facts = seen.probe
    playlist = (folder / "film.m3u8").read_text()
    rates = []
    size = 0
    for seconds, part, name in re.findall(r"#EXTINF:([\d.]+),\n(?:#EXT-X-BYTERANGE:(\d+)@\d+\n)?(\S+)", playlist):
        own_size = int(part) if part else (folder / name).stat().st_size
        size += own_size
        rates.append(own_size * 8 / float(seconds))
    own = {"h264": avc, "hevc": hevc}.get(facts.codec)
    codecs = [*([own.name(seen.extradata)] if own else []), *([_SOUND] if facts.audio else [])]
    width, height, _ = facts.shown
    about: dict[str, object] = {
        "BANDWIDTH": math.ceil(max(rates)),
        "AVERAGE-BANDWIDTH": math.ceil(size * 8 / facts.seconds),
        "CODECS": f'"{",".join(codecs)}"',
        "RESOLUTION": f"{width}x{height}",
        "FRAME-RATE": f"{float(facts.fps or 0):.3f}",
        "VIDEO-RANGE": facts.color.hdr or "SDR",
        **({"SUBTITLES": '"captions"'} if captions else {}),
    }
    lines = ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-INDEPENDENT-SEGMENTS"]
    if captions:
        lines.append(
            '#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="captions",NAME="Captions",DEFAULT=YES,AUTOSELECT=YES,URI="captions.m3u8"'
        )
    lines += [f"#EXT-X-STREAM-INF:{','.join(f'{name}={value}' for name, value in about.items())}", "film.m3u8"]
    return "\n".join(lines) + "\n"


def _captions(seconds: float) -> str:
    """The playlist of captions in one segment."""
    head = f"#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:{math.ceil(seconds)}\n#EXT-X-MEDIA-SEQUENCE:0\n"
    return f"{head}#EXT-X-PLAYLIST-TYPE:VOD\n#EXTINF:{seconds:.6f},\ncaptions.vtt\n#EXT-X-ENDLIST\n"


def _arguments(film: Path, codec: str, *, sound: bool, single: bool) -> list[str]:
    import ffmpeg as graph  # noqa: PLC0415 - see ffmpeg.source()

    source = ffmpeg.source(film, sniff(film).demuxer)
    options: dict[str, Any] = {
        "f": "hls",
        "c": "copy",
        "hls_time": _SEGMENT,
        "hls_playlist_type": "vod",
        "hls_segment_type": "fmp4",
        "hls_flags": "independent_segments+single_file" if single else "independent_segments",
        "hls_fmp4_init_filename": "init.mp4",
        "hls_segment_filename": "film.mp4" if single else "%05d.m4s",
        "fflags": "+bitexact",
        "map_metadata": -1,
        "map_chapters": -1,
        **({"tag:v": "hvc1"} if codec == "hevc" else {}),
    }
    streams = [source["v:0"], *([source["a:0"]] if sound else [])]
    return ffmpeg.arguments(graph.output(*streams, "film.m3u8", **options))
