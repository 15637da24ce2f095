"""The ffmpeg program: finding one that can do what is needed, and running it under control.

ffmpeg-python builds argument lists; it has no time-out, no progress and leaves a process behind when its caller is
cancelled, so the process is run here: in a group of its own that is killed, and reaped, whatever happens.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import re
import shutil
import signal
import subprocess
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longtake.errors import FfmpegError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

__all__ = ["arguments", "arun", "binary", "file_url", "run", "source", "version"]

_NEEDED = {
    "encoders": ("libx264", "aac", "png", "mjpeg"),
    "filters": ("xfade", "loudnorm", "alimiter", "amix", "afade", "tpad", "trim", "scale", "pad", "fps"),
}
_GLOBALS = ("-hide_banner", "-nostdin", "-y", "-nostats", "-progress", "pipe:1")
_TAIL = 8192
_PROBE_SECONDS = 30


def binary() -> str:
    """The ffmpeg to run: `LONGTAKE_FFMPEG`, else one on PATH that has what is needed, else the wheel's own.

    Raises:
        FfmpegError: `LONGTAKE_FFMPEG` names none or one that lacks something (it is never passed over silently), or no
            ffmpeg is left at all.
    """
    return _find(os.environ.get("LONGTAKE_FFMPEG", ""), os.environ.get("PATH", ""))


@functools.cache
def _find(asked: str, path: str) -> str:
    if asked:
        found = shutil.which(asked, path=path)
        if found is None:
            raise FfmpegError(f"LONGTAKE_FFMPEG is {asked!r}, which is no program")
        lacking = _lacking(found)
        if lacking:
            raise FfmpegError(f"LONGTAKE_FFMPEG is {asked!r}, which has no {', '.join(lacking)}")
        return found
    found = shutil.which("ffmpeg", path=path)
    if found is not None and not _lacking(found):
        return found
    import imageio_ffmpeg  # noqa: PLC0415 - only where the system has no ffmpeg

    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise FfmpegError("there is no ffmpeg on PATH and the imageio-ffmpeg wheel holds none") from error


def _lacking(program: str) -> list[str]:
    """Names of the encoders and filters that `program` does not have."""
    lacking = []
    for list_of, names in _NEEDED.items():
        said = _said(program, "-hide_banner", f"-{list_of}")
        # Rows look like ` V....D libx264  words` and ` T.C xfade  VV->V  words`: the name is the second column.
        have = {row.split()[1] for row in said.splitlines() if len(row.split()) > 1}
        lacking += [name for name in names if name not in have]
    return lacking


def _said(program: str, *args: str) -> str:
    try:
        done = subprocess.run(
            [program, *args], stdin=subprocess.DEVNULL, capture_output=True, timeout=_PROBE_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise FfmpegError(f"{program} does not run: {type(error).__name__}") from error
    return done.stdout.decode("utf-8", "replace")


def version() -> str:
    """The version `binary()` gives of itself, such as `n9.0.2` or `5.1.6-0+deb12u1`."""
    return _version(binary())


@functools.cache
def _version(program: str) -> str:
    found = re.match(r"ffmpeg version (\S+)", _said(program, "-version"))
    if found is None:
        raise FfmpegError(f"{program} does not say which version of ffmpeg it is")
    return found.group(1)


def file_url(path: Path | str) -> str:
    """A local file as ffmpeg and PyAV take it: absolute and with `file:`, so no name can be an option or a protocol."""
    return f"file:{Path(path).absolute()}"


def source(path: Path, demuxer: str, **options: Any) -> Any:  # noqa: ANN401 - ffmpeg-python has no types
    """An input of a ffmpeg-python graph: a local file, read by this demuxer only and without leave to open others."""
    import ffmpeg  # noqa: PLC0415 - a sixth of a second that only encoding pays

    return ffmpeg.input(file_url(path), f=demuxer, protocol_whitelist="file,pipe", **options)


def arguments(output: Any) -> list[str]:  # noqa: ANN401 - ffmpeg-python has no types
    """The arguments of a finished ffmpeg-python graph, as `run` takes them."""
    import ffmpeg  # noqa: PLC0415 - as in source()

    compiled: list[str] = ffmpeg.compile(output)
    return compiled[1:]


def run(
    args: Sequence[str],
    *,
    seconds: float | None = None,
    on_progress: Callable[[float], None] | None = None,
    timeout: float | None = None,
    cwd: Path | None = None,
    level: str = "error",
) -> str:
    """Run ffmpeg to its end and give back the last it said (up to 8 KB, at log level `level`).

    Args:
        args: what follows the program's name; ours are put before it (`-nostdin`, `-y`, progress on standard output).
        seconds: how long the output will be, to turn its time into a share.
        on_progress: called with 0 to 1 as it goes on; what it raises ends ffmpeg and is raised again.
        timeout: seconds of wall time before it is killed.
        cwd: where to run it.
        level: ffmpeg's `-loglevel`.

    Raises:
        FfmpegError: it did not start, took too long, or ended with an error; `log` holds the end of what it said.
    """
    command = [binary(), *_GLOBALS, "-loglevel", level, *args]
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=cwd,
            start_new_session=True,
        )
    except OSError as error:
        raise FfmpegError(f"{command[0]} does not start: {error.strerror}") from error
    late = threading.Event()
    tail = bytearray()

    def end() -> None:
        late.set()
        _kill(process.pid)

    timer = threading.Timer(timeout or 0, end)
    reader = threading.Thread(target=_collect, args=(process.stderr, tail), daemon=True)
    try:
        with process:
            reader.start()
            if timeout is not None:
                timer.start()
            try:
                if process.stdout is not None:
                    _report(process.stdout, seconds, on_progress)
                process.wait()
                reader.join()
            finally:
                # Cancelled before the process is reaped: a killed number could be another's by then.
                timer.cancel()
                if process.returncode is None:
                    _kill(process.pid)
    finally:
        timer.cancel()
    return _outcome(process.returncode, bytes(tail), late=timeout if late.is_set() else None)


async def arun(
    args: Sequence[str],
    *,
    seconds: float | None = None,
    on_progress: Callable[[float], None] | None = None,
    timeout: float | None = None,  # noqa: ASYNC109 - the same words as run()
    cwd: Path | None = None,
    level: str = "error",
) -> str:
    """`run` for a coroutine: when it is cancelled, ffmpeg is killed and reaped before the cancellation goes on."""
    command = [binary(), *_GLOBALS, "-loglevel", level, *args]
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=cwd,
            start_new_session=True,
        )
    except OSError as error:
        raise FfmpegError(f"{command[0]} does not start: {error.strerror}") from error
    tail = bytearray()
    late = None
    try:
        async with asyncio.timeout(timeout):
            collector = asyncio.create_task(_acollect(process.stderr, tail))
            try:
                if process.stdout is not None:
                    last = -1.0
                    async for line in process.stdout:
                        last = _step(line, seconds, on_progress, last)
                await collector
            finally:
                collector.cancel()
            await process.wait()
    except TimeoutError:
        late = timeout
    finally:
        if process.returncode is None:
            _kill(process.pid)
            await process.wait()
    return _outcome(process.returncode, bytes(tail), late=late)


def _kill(group: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def _collect(pipe: Any, tail: bytearray) -> None:  # noqa: ANN401 - a buffered binary reader
    while chunk := pipe.read1(4096):
        _keep(tail, chunk)


async def _acollect(pipe: asyncio.StreamReader | None, tail: bytearray) -> None:
    while pipe is not None and (chunk := await pipe.read(4096)):
        _keep(tail, chunk)


def _keep(tail: bytearray, chunk: bytes) -> None:
    tail += chunk
    del tail[:-_TAIL]


def _report(lines: Iterable[bytes], seconds: float | None, on_progress: Callable[[float], None] | None) -> None:
    last = -1.0
    for line in lines:
        last = _step(line, seconds, on_progress, last)


def _step(line: bytes, seconds: float | None, on_progress: Callable[[float], None] | None, last: float) -> float:
    """Take one `key=value` line of ffmpeg's progress; the share never goes back and ends at 1."""
    if on_progress is None or not seconds:
        return last
    key, _, value = line.strip().partition(b"=")
    share = last
    if key == b"out_time_us" and value.lstrip(b"-").isdigit():
        share = min(max(int(value) / 1e6 / seconds, 0.0), 1.0)
    elif key == b"progress" and value == b"end":
        share = 1.0
    if share > last:
        on_progress(share)
        return share
    return last


def _outcome(code: int | None, tail: bytes, *, late: float | None) -> str:
    log = tail.decode("utf-8", "replace").strip()
    if late is not None:
        raise FfmpegError(f"ffmpeg was ended after {late:g} s", log=log)
    if code != 0:
        # The first complaint is the cause, what follows are its effects.
        lines = [line.strip() for line in log.splitlines() if line.strip()]
        raise FfmpegError(f"ffmpeg ended with {code}: {' / '.join(lines[:3])[:600] or 'it said nothing'}", log=log)
    return log
