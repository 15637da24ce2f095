"""A Prefect server in a process of its own, and what starting and ending processes takes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import backdoor
import httpx
import pytest

from longtake.prefect.ops.server import RECORDING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PATIENCE = 240.0
"""Seconds before something that never happens fails a test; a loaded machine needs far less."""

QUICK_SERVER = {
    # Events are written in batches and soon: a third of the CPU, and tests read sooner what happened.
    **{setting.variable: str(setting.value) for setting in RECORDING if "triggers" not in setting.path},
    # Not as Longtake wants it, for the doctor to find.
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_FLUSH_INTERVAL": "1.5",
}


def until(what: Callable[[], Any], *, why: str, process: subprocess.Popen | None = None) -> Any:
    """Ask until the answer is true, and return it."""
    deadline = time.monotonic() + PATIENCE
    while True:
        if found := what():
            return found
        if process is not None and process.poll() is not None:
            said = "".join(pipe.read() or "" for pipe in (process.stdout, process.stderr) if pipe is not None)
            pytest.fail(f"the process ended with {process.returncode} while waiting: {why}\n{said}")
        if time.monotonic() > deadline:
            pytest.fail(f"waited too long: {why}")
        time.sleep(0.1)


def clean_environment(**over: str) -> dict[str, str]:
    """This process's variables without what steers Longtake or Prefect."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("LONGTAKE_", "REAPI_", "PREFECT_", "AWS_"))}
    return {**kept, "NO_PROXY": "*", "DO_NOT_TRACK": "1", "PREFECT_SERVER_ANALYTICS_ENABLED": "false", **over}


@contextmanager
def process(*command: str, **options: Any):
    """A process in a group of its own, of which nothing is left afterwards."""
    started = subprocess.Popen([*command], start_new_session=True, **options)
    try:
        yield started
    finally:
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(started.pid, number)
            except ProcessLookupError:
                break
            try:
                started.wait(timeout=20)
            except subprocess.TimeoutExpired:
                continue
        started.wait()
        if started.stdout is not None:
            started.stdout.close()


@contextmanager
def prefect_server(home: Path, port: int | None = None):
    """A Prefect server, at a free port unless one is given; yields its process and its API's URL."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = port or free.getsockname()[1]
    api = f"http://127.0.0.1:{port}/api"
    env = clean_environment(PREFECT_HOME=str(home), PREFECT_SERVER_UI_ENABLED="false", **QUICK_SERVER)
    command = (sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port))
    with (
        (home / "server.log").open("wb") as out,
        process(*command, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT) as server,
    ):

        def healthy() -> bool:
            try:
                return backdoor.http.get(f"{api}/health").status_code == 200
            except httpx.TransportError:
                return False

        until(healthy, why="the Prefect server answers", process=server)
        yield server, api
