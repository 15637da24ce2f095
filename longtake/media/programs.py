"""Which ffmpeg there is and what it can do: `LONGTAKE_FFMPEG`, else the system's, else the wheel's own."""

from __future__ import annotations

import functools
import logging
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from longtake.errors import FfmpegError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["ENCODERS", "FILTERS", "Capabilities", "binary", "capabilities", "require", "version"]

_log = logging.getLogger("longtake.media")

_NEEDED_ENCODERS = ("libx264", "aac", "png", "mjpeg")
_OPTIONAL_ENCODERS = ("libx265", "mov_text")  # films of HEVC clips, captions
_NEEDED_FILTERS = ("xfade", "alimiter", "amix", "afade", "tpad", "trim", "scale", "pad", "fps", "lutyuv")
_OPTIONAL_FILTERS = ("sidechaincompress", "ebur128", "aresample")  # music, loudness
ENCODERS = (*_NEEDED_ENCODERS, *_OPTIONAL_ENCODERS)
"""Encoders that are looked for; the optional ones are asked for where they are used (`require`)."""
FILTERS = (*_NEEDED_FILTERS, *_OPTIONAL_FILTERS)
"""Filters that are looked for, likewise."""
_PROBE_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an ffmpeg can do: `encoders` and `filters` are those of `ENCODERS` and `FILTERS` it has."""

    program: str
    version: str
    encoders: frozenset[str]
    filters: frozenset[str]

    def lacking(self, encoders: Iterable[str] = (), filters: Iterable[str] = ()) -> tuple[str, ...]:
        """The names of those given that it does not have, sorted."""
        return tuple(sorted({*encoders} - self.encoders) + sorted({*filters} - self.filters))


def binary() -> str:
    """The ffmpeg to run: `LONGTAKE_FFMPEG`, else one on PATH that has what is needed, else the wheel's own.

    Raises:
        FfmpegError: `LONGTAKE_FFMPEG` names none or one that lacks something (it is never passed over silently), or no
            ffmpeg is left at all.
    """
    return _find(os.environ.get("LONGTAKE_FFMPEG", ""), os.environ.get("PATH", ""))


def version() -> str:
    """The version `binary()` gives of itself, such as `n9.0.2` or `5.1.6-0+deb12u1`."""
    return capabilities().version


def capabilities() -> Capabilities:
    """What `binary()` can do; raises the same."""
    return _look(binary())


def require(*, encoders: Iterable[str] = (), filters: Iterable[str] = ()) -> None:
    """Say before the work starts what the ffmpeg at hand has not got.

    Args:
        encoders: names of `ENCODERS`.
        filters: names of `FILTERS`.

    Raises:
        FfmpegError: it lacks one of them, or there is no ffmpeg.
        ValueError: a name is in neither list, so nobody looked for it.
    """
    unknown = ({*encoders} - {*ENCODERS}) | ({*filters} - {*FILTERS})
    if unknown:
        raise ValueError(f"not looked for: {', '.join(sorted(unknown))}")
    have = capabilities()
    lacking = have.lacking(encoders, filters)
    if lacking:
        raise FfmpegError(
            f"{have.program} ({have.version}) has no {', '.join(lacking)}, which this needs",
            next_step="unset LONGTAKE_FFMPEG to use the one that came with Longtake, or point it at a fuller build",
        )


@functools.cache
def _find(asked: str, path: str) -> str:
    if asked:
        found = shutil.which(asked, path=path)
        if found is None:
            raise FfmpegError(f"LONGTAKE_FFMPEG is {asked!r}, which is no program")
        lacking = _look(found).lacking(_NEEDED_ENCODERS, _NEEDED_FILTERS)
        if lacking:
            raise FfmpegError(f"LONGTAKE_FFMPEG is {asked!r}, which has no {', '.join(lacking)}")
        return found
    found = shutil.which("ffmpeg", path=path)
    if found is not None:
        try:
            lacking = _look(found).lacking(_NEEDED_ENCODERS, _NEEDED_FILTERS)
        except FfmpegError as error:
            _log.warning("%s; using the one that came with Longtake", error.message)
        else:
            if not lacking:
                return found
            _log.warning("%s has no %s; using the one that came with Longtake", found, ", ".join(lacking))
    import imageio_ffmpeg  # noqa: PLC0415 - only where the system has no ffmpeg

    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise FfmpegError("there is no usable ffmpeg on PATH and the imageio-ffmpeg wheel holds none") from error


@functools.cache
def _look(program: str) -> Capabilities:
    found = re.match(r"ffmpeg version (\S+)", _said(program, "-version"))
    if found is None:
        raise FfmpegError(f"{program} does not say which version of ffmpeg it is")
    have = {
        kind: {
            # Rows look like ` V....D libx264  words` and ` T.C xfade  VV->V  words`: the name is the second column.
            row.split()[1]
            for row in _said(program, "-hide_banner", f"-{kind}").splitlines()
            if len(row.split()) > 1
        }
        for kind in ("encoders", "filters")
    }
    return Capabilities(
        program, found.group(1), frozenset(ENCODERS) & have["encoders"], frozenset(FILTERS) & have["filters"]
    )


def _said(program: str, *args: str) -> str:
    try:
        done = subprocess.run(
            [program, *args], stdin=subprocess.DEVNULL, capture_output=True, timeout=_PROBE_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise FfmpegError(f"{program} does not run: {type(error).__name__}") from error
    return done.stdout.decode("utf-8", "replace")
