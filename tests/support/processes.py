"""Processes that tests start: their environment, their end, and waiting for what they do."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PATIENCE = 240.0
"""Seconds before something that never happens fails a test; a loaded machine needs far less."""


def until(
    what: Callable[[], Any], *, why: str, process: subprocess.Popen | None = None, patience: float = PATIENCE
) -> Any:
    """Ask until the answer is true, and return it; fail when `process` ends meanwhile."""
    deadline = time.monotonic() + patience
    while not (found := what()):
        if process is not None and process.poll() is not None:
            printed = "".join(pipe.read() or "" for pipe in (process.stdout, process.stderr) if pipe is not None)
            pytest.fail(f"the process ended with {process.returncode} while waiting: {why}\n{printed}")
        if time.monotonic() > deadline:
            pytest.fail(f"waited too long: {why}")
        time.sleep(0.1)
    return found


def clean_environment(**over: str) -> dict[str, str]:
    """This process's variables without what configures Longtake, Prefect, AWS or OpenTelemetry."""
    kept = {
        k: v for k, v in os.environ.items() if not k.startswith(("LONGTAKE_", "REAPI_", "PREFECT_", "AWS_", "OTEL_"))
    }
    return {**kept, "NO_PROXY": "*", "DO_NOT_TRACK": "1", "PREFECT_SERVER_ANALYTICS_ENABLED": "false", **over}


@contextmanager
def process(*command: object, end: int = signal.SIGTERM, **options: Any) -> Iterator[subprocess.Popen]:
    """A process in a group of its own, which gets the signal `end` after the block, and SIGKILL if it stays."""
    started = subprocess.Popen([str(word) for word in command], start_new_session=True, **options)
    try:
        yield started
    finally:
        for number in (end, signal.SIGKILL):
            try:
                os.killpg(started.pid, number)
            except ProcessLookupError:
                break
            try:
                started.wait(timeout=20)
            except subprocess.TimeoutExpired:
                continue
        started.wait()
        for pipe in (started.stdin, started.stdout):
            if pipe is not None:
                pipe.close()


def free_port() -> int:
    """A port of this machine that nothing listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
