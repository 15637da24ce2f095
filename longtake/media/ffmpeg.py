"""Run the ffmpeg program: its arguments, limits and errors.

ffmpeg-python builds argument lists; it has no time-out, no progress and leaves a process behind when its caller is
cancelled or killed, so the process is run here: in a group of its own that is killed, and reaped, whatever happens.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longtake.errors import FfmpegError
from longtake.media.programs import FfmpegChoice, binary, capabilities, choice, require, version

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import IO

__all__ = [
    "FfmpegChoice",
    "arguments",
    "arun",
    "binary",
    "capabilities",
    "choice",
    "file_url",
    "require",
    "run",
    "source",
    "version",
]

_GLOBALS = ("-hide_banner", "-nostdin", "-y", "-nostats", "-progress", "pipe:1")
_FENCE = ("-protocol_whitelist", "file,pipe")
_TAIL = 8192
_TIMEOUT = 3600.0
# Runs "$@" and kills the whole group as soon as standard input ends: its other end is held open by us alone, so the kernel
# closes it however we die, kill -9 included. A shell does this everywhere; PR_SET_PDEATHSIG is Linux's own, and fires
# when the *thread* that started the program ends.
_GUARD = """
exec 3<&0 </dev/null
"$@" 3<&- &
child=$!
{ read -r _ <&3; kill -KILL 0; } >/dev/null 2>&1 &
watch=$!
exec 3<&-
wait "$child"
code=$?
{ kill -KILL "$watch"; wait "$watch"; } 2>/dev/null
exit "$code"
"""


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
    timeout: float = _TIMEOUT,
    cwd: Path | None = None,
    level: str = "error",
    stop: threading.Event | None = None,
) -> str:
    """Run ffmpeg to its end and return the end of its messages (up to 8 KB, at log level `level`).

    It ends when its work is done, when the time is over, when `on_progress` raises, and when this process dies.

    Args:
        args: what follows the program's name; ours are put before it (`-nostdin`, `-y`, progress on standard output), and
            no input may open anything but local files.
        seconds: how long the output will be, to turn its time into a share.
        on_progress: called with the share that is done, 0 to 1; what it raises ends ffmpeg and is raised again.
        timeout: seconds of wall time before it is killed.
        cwd: where to run it.
        level: ffmpeg's `-loglevel`.
        stop: kills ffmpeg when it is set.

    Raises:
        FfmpegError: it did not start, took too long, was stopped or ended with an error; `log` holds the end of its messages.
    """
    command = _command(args, level)
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=cwd,
            start_new_session=True,
        )
    except OSError as error:
        raise FfmpegError(f"ffmpeg does not start: {error.strerror}") from error
    stop = stop or threading.Event()
    late = False
    tail = bytearray()

    def watch() -> None:
        nonlocal late
        late = not stop.wait(timeout)
        if process.returncode is None:
            _kill(process.pid)

    watcher = threading.Thread(target=watch, daemon=True)
    reader = threading.Thread(target=_collect, args=(process.stderr, tail), daemon=True)
    with process:
        try:
            reader.start()
            watcher.start()
            if process.stdout is not None:
                _report(process.stdout, seconds, on_progress)
            process.wait()
        finally:
            if process.returncode is None:
                _kill(process.pid)
            stop.set()
            watcher.join()
            # Standard error ends when the last process of the group has ended.
            reader.join()
    return _outcome(process.returncode, bytes(tail), late=timeout if late else None)


async def arun(args: Sequence[str], *, timeout: float = _TIMEOUT) -> str:  # noqa: ASYNC109 - the same words as run()
    """`run` for a coroutine: when it is cancelled, ffmpeg is killed and reaped before the cancellation goes on."""
    stop = threading.Event()
    running = asyncio.ensure_future(asyncio.to_thread(run, args, timeout=timeout, stop=stop))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        stop.set()
        await asyncio.gather(running, return_exceptions=True)
        raise


def _command(args: Sequence[str], level: str) -> list[str]:
    """The guard and the program, every input fenced in: what a file names is opened only when it is a local file."""
    fenced: list[str] = []
    begun = 0
    for arg in args:
        if arg == "-i":
            if _FENCE[0] not in fenced[begun:]:
                fenced += _FENCE
            begun = len(fenced)
        fenced.append(arg)
    return ["/bin/sh", "-c", _GUARD, "longtake-ffmpeg", binary(), *_GLOBALS, "-loglevel", level, *fenced]


def _kill(group: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def _collect(pipe: Any, tail: bytearray) -> None:  # noqa: ANN401 - a buffered binary reader
    while chunk := pipe.read1(4096):
        tail += chunk
        del tail[:-_TAIL]


def _report(pipe: IO[bytes], seconds: float | None, on_progress: Callable[[float], None] | None) -> None:
    last = -1.0
    for line in iter(lambda: pipe.readline(_TAIL), b""):
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
        raise FfmpegError(f"ffmpeg ended with {code}: {' / '.join(lines[:3])[:600] or 'it wrote no message'}", log=log)
    return log
