"""The sound of a film from its samples: music under it, loudness as asked, one AAC track."""

from __future__ import annotations

import logging
import math
import re
from typing import TYPE_CHECKING, Any

from longtake.errors import FfmpegError, MediaError
from longtake.media import ffmpeg
from longtake.media.audio.aac import CODER, bit_rate
from longtake.media.audio.pcm import FORMAT, RATE
from longtake.media.concat.model import MeasuredLevel, MeasuredLoudness
from longtake.media.streams.probing import probe
from longtake.media.streams.sniff import sniff

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from longtake.media.concat.model import JoinSound

_log = logging.getLogger("longtake.media")

_MARGIN = 1.0
"""dB the limiter stays under the peak asked for at first: AAC overshoots what it is given."""
_TRIES = 3
"""Times the track is encoded at the most until it measures as asked."""
_NEAR = 0.3
"""LU the finished track may be off; the measure itself is rounded to tenths."""
_ALONE = -16.0
"""LUFS of music that has no sound of clips above it and no loudness asked for."""
_SILENT = -69.0
"""LUFS under which there is nothing to turn up (the gate of ITU-R BS.1770 is at -70)."""
_OVERSAMPLED = 4 * RATE
"""At this rate a sample peak is a true peak (ITU-R BS.1770, annex 2)."""
_RATIO = 8.0
"""Of the compressor that ducks music: nearly as far for every loud passage, a little less for soft ones."""
_FIGURES = {"integrated": r"I:\s+(\S+) LUFS", "range": r"LRA:\s+(\S+) LU", "peak": r"Peak:\s+(\S+) dBFS"}
_FLOORS = {"integrated": -70.0, "range": 0.0, "peak": -120.0}


def encode(
    samples: Path | None,
    count: int,
    sound: JoinSound,
    into: Path,
    *,
    channels: int,
    progress: Callable[[float], None],
) -> MeasuredLoudness | None:
    """Encode `count` samples (of each channel) to AAC in an M4A file; say how loud it is when a loudness is asked for.

    Not every sound can be as loud as asked under the peak asked for: then a warning is logged.

    Args:
        samples: the clips' sound as `pcm.write` left it; None: they have none, there is music only.
        count: samples of the film.
        sound: what is asked for.
        into: the file to write.
        channels: 1 or 2.
        progress: called with 0 to 1.

    Raises:
        MediaError: the music is not sound.
        FfmpegError: ffmpeg failed.
    """
    seconds = count / RATE
    build = _builder(samples, sound, channels, seconds)
    if sound.loudness is None:
        _encode(build(), count, into, channels=channels, progress=progress)
        return None
    before = measure(build(), seconds)
    progress(0.3)
    if before.integrated <= _SILENT:
        _encode(build(), count, into, channels=channels, progress=lambda share: progress(0.3 + 0.7 * share))
        return MeasuredLoudness(before, _of(into, seconds))
    # One gain for the whole film and a limiter for what sticks out: loudnorm would ride the level.
    gain, ceiling = sound.loudness - before.integrated, sound.peak - _MARGIN
    after = before
    for number in range(_TRIES):
        begin = 0.3 + 0.7 * number / _TRIES

        def report(share: float, begin: float = begin) -> None:
            progress(begin + 0.7 / _TRIES * share)

        changed = build().filter("volume", f"{gain:.2f}dB")
        if before.peak + gain > ceiling:
            changed = _limited(changed, ceiling)
        _encode(changed, count, into, channels=channels, progress=report)
        after = _of(into, seconds)
        over, off = after.peak - sound.peak, sound.loudness - after.integrated
        if over <= 0 and abs(off) <= _NEAR:
            break
        gain += off
        ceiling -= over + 0.1 if over > 0 else 0.0
    else:
        _log.warning(
            "asked for %.1f LUFS under a peak of %.1f dBTP, got %.1f LUFS and %.1f dBTP%s",
            *(sound.loudness, sound.peak, after.integrated, after.peak),
            "; the peak is over what was asked for" if after.peak > sound.peak else "",
        )
    progress(1.0)
    return MeasuredLoudness(before, after)


def measure(audio: Any, seconds: float) -> MeasuredLevel:  # noqa: ANN401 - ffmpeg-python has no types
    """How loud something is, by ffmpeg's ebur128.

    Raises:
        FfmpegError: ffmpeg failed or did not say.
    """
    import ffmpeg as graph  # noqa: PLC0415 - see ffmpeg.source()

    heard = audio.filter("ebur128", peak="true", framelog="verbose")
    args = ffmpeg.arguments(graph.output(heard, "-", f="null"))
    said = ffmpeg.run(args, timeout=_limit(seconds), level="info")
    figures = {}
    for name, pattern in _FIGURES.items():
        found = re.findall(pattern, said[said.rfind("Summary:") :])
        try:
            value = float(found[0])
        except (IndexError, ValueError) as error:
            raise FfmpegError("ffmpeg did not say how loud the sound is", log=said) from error
        figures[name] = max(value, _FLOORS[name]) if not math.isnan(value) else _FLOORS[name]
    return MeasuredLevel(**figures)


def _builder(samples: Path | None, sound: JoinSound, channels: int, seconds: float) -> Callable[[], Any]:
    """How to begin the graph of the film's sound; a graph can be used once only."""
    music = sound.music
    if music is None:
        if samples is None:
            raise MediaError("a film with neither sound nor music has no sound track")
        return lambda: _own(samples, channels)
    if probe(music).audio is None:
        raise MediaError(f"{music.name}: asked for music, got a file without sound")
    bed = sound.loudness if sound.loudness is not None else _ALONE
    own = measure(_own(samples, channels), seconds).integrated if samples is not None else _SILENT
    if own > _SILENT:
        bed = own + sound.music_gain
    heard = measure(_tune(music, sound.fade_out, seconds), seconds).integrated
    gain = bed - heard if heard > _SILENT else 0.0
    return lambda: _mix(samples, channels, sound, music, gain=gain, own=own, seconds=seconds)


def _mix(
    samples: Path | None, channels: int, sound: JoinSound, music: Path, *, gain: float, own: float, seconds: float
) -> Any:  # noqa: ANN401
    import ffmpeg as graph  # noqa: PLC0415 - see ffmpeg.source()

    layout = "mono" if channels == 1 else "stereo"
    bed = _tune(music, sound.fade_out, seconds).filter("volume", f"{gain:.2f}dB")
    bed = bed.filter("aformat", channel_layouts=layout)
    if samples is None:
        return bed
    voice = _own(samples, channels).filter("aformat", channel_layouts=layout)
    if sound.duck > 0 and own > _SILENT:
        # At the clips' own loudness the music goes down by `duck`: what is over the threshold, less a part in _RATIO.
        threshold = 10 ** ((own - sound.duck / (1 - 1 / _RATIO)) / 20)
        halves = voice.asplit()
        voice = halves[0]
        # Where one of its inputs ends first it drops as much of the other as it pleases: so neither ends, and the cut is ours.
        bed = graph.filter(
            [bed.filter("apad"), halves[1].filter("apad")],
            "sidechaincompress",
            threshold=f"{min(max(threshold, 0.001), 1.0):.5f}",
            ratio=_RATIO,
            attack=20,
            release=400,
            detection="rms",
        ).filter("atrim", end_sample=round(seconds * RATE))
    return graph.filter([voice, bed], "amix", inputs=2, duration="first", dropout_transition=0, normalize=0)


def _own(samples: Path, channels: int) -> Any:  # noqa: ANN401
    return ffmpeg.source(samples, FORMAT, ar=RATE, ac=channels).audio


def _tune(music: Path, fade: float, seconds: float) -> Any:  # noqa: ANN401
    tune = ffmpeg.source(music, sniff(music).demuxer, stream_loop=-1).audio
    tune = tune.filter("aresample", RATE).filter("atrim", end=f"{seconds:.6f}")
    if fade <= 0:
        return tune
    start = max(seconds - fade, 0.0)
    return tune.filter("afade", type="out", start_time=f"{start:.6f}", duration=f"{seconds - start:.6f}")


def _limited(audio: Any, ceiling: float) -> Any:  # noqa: ANN401
    high = audio.filter("aresample", _OVERSAMPLED)
    limit = f"{min(max(10 ** (ceiling / 20), 0.0625), 1.0):.4f}"
    return high.filter("alimiter", limit=limit, level="false", latency="true").filter("aresample", RATE)


def _of(track: Path, seconds: float) -> MeasuredLevel:
    return measure(ffmpeg.source(track, "mov").audio, seconds)


def _encode(audio: Any, count: int, into: Path, *, channels: int, progress: Callable[[float], None]) -> None:  # noqa: ANN401
    finished = audio.filter("apad", whole_len=count).filter("atrim", end_sample=count)
    seconds = count / RATE
    ffmpeg.run(_aac(finished, channels, into), seconds=seconds, on_progress=progress, timeout=_limit(seconds))


def _aac(audio: Any, channels: int, into: Path) -> list[str]:  # noqa: ANN401
    import ffmpeg as graph  # noqa: PLC0415 - see ffmpeg.source()

    options: dict[str, Any] = {
        "f": "mp4",
        "c:a": "aac",
        "aac_coder": CODER,
        "b:a": f"{bit_rate(channels) // 1000}k",
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
