"""The media path, rehearsed on a clip that comes with the package: what happens to every clip a run buys."""

from __future__ import annotations

import functools
import os
import tempfile
from contextlib import contextmanager
from fractions import Fraction
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from longtake import media
from longtake.errors import FfmpegError, MediaError, PreflightError
from longtake.film import check_tools
from longtake.preflight.result import Checked, reason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from longtake.media.programs import Capabilities
    from longtake.request import Resolved

SAMPLE = Path(media.__file__).with_name("sample.mp4")
"""13 frames of 96×64 pixels (H.264, one group of pictures with B-frames) and their sound (AAC, mono)."""
_FRAMES, _PIXELS, _FPS = 13, (96, 64), Fraction(24)
_BLEND = 3
"""Frames of the crossfade in the rehearsed film."""
_REINSTALL = (
    "install versions that Longtake supports (`pip install --upgrade longtake av imageio-ffmpeg`) and run `longtake doctor`; "
    "nothing was charged"
)
_OTHER_FFMPEG = (
    "unset LONGTAKE_FFMPEG to use the ffmpeg that comes with Longtake, and run `longtake doctor`; nothing was charged"
)


def check_media(resolved: Resolved | None = None) -> Checked:
    """Probe, examine, take the last frame of and concatenate the sample, with the ffmpeg and the PyAV this process uses.

    The rehearsal runs once in a process for each ffmpeg and its result is kept; a failure is not.

    Args:
        resolved: the film; ffmpeg must have what it needs beyond that (captions, loudness, music).

    Raises:
        PreflightError: a step fails, whatever it raised; names the step, the versions and the cause.
    """
    from longtake.media import ffmpeg  # noqa: PLC0415 - only where media are worked on

    try:
        chosen = ffmpeg.choice()
        have = ffmpeg.capabilities()
        if resolved is not None:
            check_tools(resolved)
    except FfmpegError as error:
        raise PreflightError(
            error.message, next_step=error.next_step, check="media", step="find ffmpeg", cause="FfmpegError"
        ) from error
    av = _rehearsed(have)
    return Checked(
        "media",
        f"a sample clip was probed, examined and concatenated with PyAV {av} and ffmpeg {have.version} at {chosen.program}",
        (("av", av), ("ffmpeg", have.version)),
    )


@functools.cache
def _rehearsed(have: Capabilities) -> str:
    """Go through the steps; gives PyAV's version. One result for each ffmpeg, by path and version."""
    step = _Steps(have)
    with step("make room for"):
        av = metadata.version("av")
        folder = tempfile.TemporaryDirectory(prefix="longtake-preflight-")
    with folder as name:
        _go_through(step, Path(name))
    return av


def _go_through(step: _Steps, folder: Path) -> None:
    with step("probe"):
        facts = media.probe(SAMPLE)
        _expect("frames, size, rate", (facts.frames, facts.width, facts.height, facts.fps), (_FRAMES, *_PIXELS, _FPS))
        _expect("codecs", (facts.codec, facts.audio and facts.audio.codec), ("h264", "aac"))
    with step("examine"):
        seen = media.examine(SAMPLE, pixels=_PIXELS, audio=True)
        _expect("findings", [finding.text for finding in seen.findings], [])
    with step("take the last frame of"):
        media.last_frame(SAMPLE, folder / "last.png")
        media.check_image(folder / "last.png", pixels=_PIXELS)
    with step("concatenate"):
        film = folder / "film.mp4"
        # A copied clip whose last frame is dropped and whose tail PyAV encodes, a copied one, and a blend that ffmpeg encodes.
        clips = [
            media.JoinClip(SAMPLE, "one"),
            media.JoinClip(SAMPLE, "two", continues=True),
            media.JoinClip(SAMPLE, "three"),
            media.JoinClip(SAMPLE, "four", media.JoinTransition("crossfade", float(_BLEND / _FPS))),
        ]
        joined = media.join(clips, film)
        made = media.probe(film)
        _expect("frames", (joined.frames, made.frames), (4 * _FRAMES - 1 - _BLEND,) * 2)
        _expect("tenths of a second of sound", round(10 * (made.audio.seconds if made.audio else 0)), 20)
    with step("take a poster from"):
        media.poster(film, folder / "poster.jpg", 0.5)


def _expect(what: str, got: object, wanted: object) -> None:
    if got != wanted:
        raise MediaError(f"{what}: expected {wanted}, got {got}")


class _Steps:
    """Names the step that fails, and what it was done with."""

    def __init__(self, have: Capabilities) -> None:
        self._have = have

    @contextmanager
    def __call__(self, what: str) -> Iterator[None]:
        """Turn whatever the body raises into a `PreflightError`.

        Libraries of another version raise anything: PyAV 19 raises TypeError where PyAV 18 took an argument.
        """
        try:
            yield
        except Exception as error:
            named = bool(os.environ.get("LONGTAKE_FFMPEG")) and isinstance(error, FfmpegError | MediaError)
            raise PreflightError(
                f"this machine cannot {what} a sample clip with PyAV {_version('av')} and ffmpeg {self._have.version} "
                f"at {self._have.program}: {reason(error)}",
                next_step=_OTHER_FFMPEG if named else _REINSTALL,
                check="media",
                step=what,
                cause=type(error).__name__,
            ) from error


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "(not installed)"
