"""Choose the ffmpeg that runs (the one that `LONGTAKE_FFMPEG` names, else the wheel's own) and list its capabilities.

The wheel's binary is the default because the tests run with it. An ffmpeg on PATH is used only when a person names it: what it
encodes may differ, and it may lack what a film needs.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from longtake.errors import FfmpegError

if TYPE_CHECKING:
    from collections.abc import Iterable

_WHEEL = "imageio-ffmpeg"
_NEEDED_ENCODERS = ("libx264", "aac", "png", "mjpeg")
_OPTIONAL_ENCODERS = ("libx265", "mov_text")  # films of HEVC clips, captions
_NEEDED_FILTERS = ("xfade", "alimiter", "amix", "afade", "tpad", "trim", "scale", "pad", "fps", "lutyuv")
_OPTIONAL_FILTERS = (
    "sidechaincompress",
    "ebur128",
    "aresample",
    "zscale",
    "tonemap",
    "subtitles",
)  # music, loudness, HDR, burned captions
ENCODERS = (*_NEEDED_ENCODERS, *_OPTIONAL_ENCODERS)
"""Encoders that are looked for; the optional ones are asked for where they are used (`require`)."""
FILTERS = (*_NEEDED_FILTERS, *_OPTIONAL_FILTERS)
"""Filters that are looked for, likewise."""
_PROBE_SECONDS = 30
_UNSET = "unset LONGTAKE_FFMPEG to use the ffmpeg that comes with Longtake, or set it to the path of another one"
_NAME_ONE = "install an ffmpeg with libx264 and set LONGTAKE_FFMPEG to its path, or to `ffmpeg` when it is on PATH"


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


@dataclass(frozen=True, slots=True)
class FfmpegChoice:
    """The ffmpeg that runs: the path of its program, and why it is this one."""

    program: str
    why: str


def choice() -> FfmpegChoice:
    """Return which ffmpeg runs, and why: the one that `LONGTAKE_FFMPEG` names, else the wheel's own.

    A name without a slash in `LONGTAKE_FFMPEG` is looked up on PATH. `IMAGEIO_FFMPEG_EXE` does not count: only the binary that the
    wheel ships was tested.

    Raises:
        FfmpegError: `LONGTAKE_FFMPEG` names something that cannot be used (there is no fallback then), or the wheel has no binary
            for this platform.
    """
    return _find(os.environ.get("LONGTAKE_FFMPEG", ""), os.environ.get("PATH", ""))


def binary() -> str:
    """Give the path of the ffmpeg that runs; raises as `choice`."""
    return choice().program


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
        ValueError: a name is in neither list, so it was not looked for.
    """
    unknown = ({*encoders} - {*ENCODERS}) | ({*filters} - {*FILTERS})
    if unknown:
        raise ValueError(f"not looked for: {', '.join(sorted(unknown))}")
    have = capabilities()
    lacking = have.lacking(encoders, filters)
    if lacking:
        raise FfmpegError(
            f"{have.program} ({have.version}) has no {', '.join(lacking)}, which this needs",
            next_step=_UNSET,
        )


@functools.cache
def _find(asked: str, path: str) -> FfmpegChoice:
    if not asked:
        return _shipped()
    found = shutil.which(asked, path=path)
    if found is None:
        raise FfmpegError(f"LONGTAKE_FFMPEG is {asked!r}, which is not an executable", next_step=_UNSET)
    found = os.path.abspath(found)  # noqa: PTH100 - a link stays a link: some programs go by their own name
    lacking = _look(found).lacking(_NEEDED_ENCODERS, _NEEDED_FILTERS)
    if lacking:
        raise FfmpegError(f"LONGTAKE_FFMPEG is {asked!r}, which has no {', '.join(lacking)}", next_step=_UNSET)
    return FfmpegChoice(found, "LONGTAKE_FFMPEG names it")


def _shipped() -> FfmpegChoice:
    """The binary inside the wheel. `imageio_ffmpeg.get_ffmpeg_exe()` would fall back to conda's or the system's."""
    spec = importlib.util.find_spec("imageio_ffmpeg")
    homes = spec.submodule_search_locations if spec is not None else None
    programs = [file for home in homes or () for file in sorted(Path(home, "binaries").glob("ffmpeg-*"))]
    program = next((str(file) for file in programs if os.access(file, os.X_OK) and file.is_file()), None)
    if program is None:
        raise FfmpegError(f"the installed {_WHEEL} has no ffmpeg binary for this platform", next_step=_NAME_ONE)
    lacking = _look(program).lacking(_NEEDED_ENCODERS, _NEEDED_FILTERS)
    if lacking:
        raise FfmpegError(f"{program} has no {', '.join(lacking)}", next_step=_NAME_ONE)
    return FfmpegChoice(program, f"it comes with {_WHEEL} {metadata.version(_WHEEL)}, which Longtake is tested with")


@functools.cache
def _look(program: str) -> Capabilities:
    """Ask a program what it can do: two processes, because the banner of each list names the version."""
    lists = {kind: _said(program, f"-{kind}") for kind in ("encoders", "filters")}
    found = re.search(r"^ffmpeg version (\S+)", lists["encoders"], re.MULTILINE)
    if found is None:
        said = " ".join(lists["encoders"].split())[:200] or "it printed nothing"
        raise FfmpegError(f"{program} does not say which version of ffmpeg it is: {said}")
    # Rows look like ` V....D libx264  words` and ` T.C xfade  VV->V  words`: the name is the second column.
    have = {kind: {row.split()[1] for row in text.splitlines() if len(row.split()) > 1} for kind, text in lists.items()}
    return Capabilities(
        program, found.group(1), frozenset(ENCODERS) & have["encoders"], frozenset(FILTERS) & have["filters"]
    )


def _said(program: str, *args: str) -> str:
    try:
        done = subprocess.run(
            [program, *args],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_PROBE_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise FfmpegError(f"{program} does not run: {type(error).__name__}") from error
    return done.stdout.decode("utf-8", "replace")
