"""The sound of a film from its samples: music under it, loudness as asked, one AAC track."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from longtake.errors import FfmpegError, MediaError
from longtake.media import ffmpeg
from longtake.media.pcm import FORMAT, RATE
from longtake.media.probing import probe
from longtake.media.sniff import sniff

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from longtake.media.model import Sound

__all__ = ["encode"]

_CEILING = 0.794
"""Peak (of 1) that normalised sound stays under, -2 dB: AAC overshoots what it is given."""
_UNDER = 12.0
"""LU the music lies under the clips' own sound."""
_ALONE = -16.0
"""LUFS of music that has no sound of clips above it and no loudness asked for."""
_SILENT = -69.0
"""LUFS under which there is nothing to turn up (the gate of ITU-R BS.1770 is at -70)."""
_FADE = 2.0
"""Seconds the music fades out over at the film's end."""


def encode(
    samples: Path | None,
    count: int,
    sound: Sound,
    into: Path,
    *,
    channels: int,
    progress: Callable[[float], None],
) -> None:
    """Encode `count` samples (of each channel) to AAC in an M4A file.

    Args:
        samples: the clips' sound as `pcm.write` left it; None: they have none, there is music only.
        count: samples of the film.
        sound: what is asked for.
        into: the file to write.
        channels: 1 or 2.
        progress: called with 0 to 1.

    Raises:
        MediaError: the music is no sound.
        FfmpegError: ffmpeg failed.
    """
    seconds = count / RATE
    music_gain = 0.0
    if sound.music is not None:
        _check_music(sound.music)
        bed = sound.loudness if sound.loudness is not None else _ALONE
        if samples is not None:
            own = _measure(_own(samples, channels), seconds)
            bed = own - _UNDER if own > _SILENT else bed
        heard = _measure(_tune(sound.music, seconds), seconds)
        music_gain = bed - heard if heard > _SILENT else 0.0
    mixed = _mix(samples, channels, sound.music, music_gain, seconds)
    if sound.loudness is not None:
        mixed = _normalise(mixed, sound.loudness, seconds)
    finished = mixed.filter("apad", whole_len=count).filter("atrim", end_sample=count)
    ffmpeg.run(_aac(finished, channels, into), seconds=seconds, on_progress=progress, timeout=_limit(seconds))


def _normalise(mixed: Any, loudness: float, seconds: float) -> Any:  # noqa: ANN401 - ffmpeg-python has no types
    found = _measure(mixed, seconds)
    if found <= _SILENT:
        return mixed
    # One gain for the whole film and a limiter for what sticks out: loudnorm itself would ride the level.
    gain = loudness - found
    return mixed.filter("volume", f"{gain:.2f}dB").filter("alimiter", limit=_CEILING, level="false", latency="true")


def _own(samples: Path, channels: int) -> Any:  # noqa: ANN401
    return ffmpeg.source(samples, FORMAT, ar=RATE, ac=channels).audio


def _tune(music: Path, seconds: float) -> Any:  # noqa: ANN401
    start = max(seconds - _FADE, 0.0)
    return (
        ffmpeg.source(music, sniff(music).demuxer, stream_loop=-1)
        .audio.filter("aresample", RATE)
        .filter("atrim", end=f"{seconds:.6f}")
        .filter("afade", type="out", start_time=f"{start:.6f}", duration=f"{seconds - start:.6f}")
    )


def _mix(samples: Path | None, channels: int, music: Path | None, gain: float, seconds: float) -> Any:  # noqa: ANN401
    layout = "mono" if channels == 1 else "stereo"
    if music is None:
        if samples is None:
            raise MediaError("a film with neither sound nor music has no sound track")
        return _own(samples, channels)
    bed = _tune(music, seconds).filter("volume", f"{gain:.2f}dB").filter("aformat", channel_layouts=layout)
    if samples is None:
        return bed
    import ffmpeg as graph  # noqa: PLC0415 - see ffmpeg.source()

    own = _own(samples, channels).filter("aformat", channel_layouts=layout)
    return graph.filter([own, bed], "amix", inputs=2, duration="first", dropout_transition=0, normalize=0)


def _measure(audio: Any, seconds: float) -> float:  # noqa: ANN401
    """Integrated loudness in LUFS (ITU-R BS.1770), minus infinity for silence."""
    import ffmpeg as graph  # noqa: PLC0415 - see ffmpeg.source()

    args = ffmpeg.arguments(graph.output(audio.filter("loudnorm", print_format="json"), "-", f="null"))
    said = ffmpeg.run(args, timeout=_limit(seconds), level="info")
    try:
        return float(json.loads(said[said.rindex("{") : said.rindex("}") + 1])["input_i"])
    except (ValueError, KeyError) as error:
        raise FfmpegError("ffmpeg did not say how loud the sound is", log=said) from error


def _check_music(music: Path) -> None:
    if probe(music).audio is None:
        raise MediaError(f"{music.name}: asked for music, got a file without sound")


def _aac(audio: Any, channels: int, into: Path) -> list[str]:  # noqa: ANN401
    import ffmpeg as graph  # noqa: PLC0415 - see ffmpeg.source()

    options: dict[str, Any] = {
        "f": "mp4",
        "c:a": "aac",
        "b:a": "128k" if channels == 1 else "192k",
        "ar": RATE,
        "ac": channels,
        "flags:a": "+bitexact",
        "fflags": "+bitexact",
        "map_metadata": -1,
        "map_chapters": -1,
    }
    return ffmpeg.arguments(graph.output(audio, ffmpeg.file_url(into), **options))


def _limit(seconds: float) -> float:
    """Wall seconds a pass over the sound may take; it runs at some fifty times its own speed."""
    return 120 + seconds
