"""A Prefect server with its UI, work pools and workers on this machine, for a person to try.

Without a key in the environment the provider is the emulator, which costs nothing.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import httpx

from longtake import ports
from longtake.emulator import process
from longtake.errors import LongtakeError, SettingsError
from longtake.prefect.ops import server as servers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from types import FrameType

PORT = 4200
"""The port of a Prefect server unless another is asked for; `longtake deploy` looks there."""

_POOLS = ("films", "films-scenes")
"""The second is for scenes: films that wait for theirs must not hold the slots these need."""
_SERVER = {**servers.environment(), "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}
_WORKER = {"PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30"}
"""Seconds; Prefect takes no less."""
_PATIENCE = 120


def main(folder: Path, port: int) -> int:
    """Start everything, print where it is, and stop it all on Ctrl-C or SIGTERM.

    Args:
        folder: where the server's database, the store and the logs go; created if missing.
        port: of the Prefect server; 0 takes a free one.

    Returns:
        The exit code: 0 when it was stopped, that of the worker when the worker ended by itself.

    Raises:
        SettingsError: the port is taken or the folder cannot be created; nothing was started.
        LongtakeError: the server or the emulator did not start.
    """
    port = _free(port)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    folder = folder.absolute()
    store = folder / "store"
    try:
        store.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(
            f"{folder} cannot be created: {error.strerror}", next_step="give `longtake up` another folder"
        ) from None
    url = f"http://127.0.0.1:{port}"
    with contextlib.ExitStack() as stack, contextlib.suppress(KeyboardInterrupt):
        env = {**_surroundings(stack, folder, store), **_WORKER}
        env |= {"PREFECT_HOME": str(folder / "prefect"), "PREFECT_API_URL": f"{url}/api"}
        command = ("server", "start", "--host", "127.0.0.1", "--port", str(port))
        server = stack.enter_context(_prefect(folder / "server.log", {**env, **_SERVER}, *command))
        _until_it_answers(f"{url}/api/health", server, folder / "server.log")
        for pool in _POOLS:
            create = ("work-pool", "create", pool, "--type", "process", "--overwrite")
            words = [sys.executable, "-P", "-m", "prefect", *create]
            if subprocess.run(words, env=env, check=False, stdout=subprocess.DEVNULL).returncode:
                raise LongtakeError(
                    f"the work pool {pool} could not be created", next_step=f"read {folder / 'server.log'}"
                )
        deploy = "longtake deploy" if port == PORT else f"PREFECT_API_URL={url}/api longtake deploy"
        _say(f"the Prefect UI is at {url}, everything is kept in {folder}")
        _say(f"now run `{deploy}` in another terminal; Ctrl-C here stops the server and the workers")
        options = ("--type", "process", "--limit", "4", "--install-policy", "never")
        workers = [
            stack.enter_context(_prefect(None, env, "worker", "start", "--pool", pool, *options)) for pool in _POOLS
        ]
        return workers[0].wait()
    _say("stopped; what was bought is kept, and the next `longtake up` continues from there")
    return 0


def _free(port: int) -> int:
    """Return the port, or a free one for 0. Raises SettingsError if the server cannot listen there."""
    ports.check_free("the Prefect server", "127.0.0.1", port)
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))
        return int(probe.getsockname()[1])


def _surroundings(stack: contextlib.ExitStack, folder: Path, store: Path) -> dict[str, str]:
    """Return the workers' variables: the shell's own if it has a key, else those of an emulator that is started here."""
    if os.environ.get("LONGTAKE_API_KEY") or os.environ.get("REAPI_API_KEY"):
        _say("the environment has a key: films are bought with it")
        return {"LONGTAKE_STORE": store.as_uri(), **os.environ}
    _say("the environment has no key: an emulator on this machine renders the shots, and nothing is charged")
    return process.environment(stack.enter_context(process.running(folder, store)), store)


@contextlib.contextmanager
def _prefect(log: Path | None, env: Mapping[str, str], *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run one of Prefect's own commands until the block ends; then stop it and wait for it."""
    with contextlib.ExitStack() as stack:
        out = stack.enter_context(log.open("ab")) if log is not None else None
        # In a session of its own, so that Ctrl-C reaches only us: a worker must end before the server it reports to.
        child = subprocess.Popen(
            [sys.executable, "-P", "-m", "prefect", *words],
            env=dict(env),
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
        try:
            yield child
        finally:
            child.terminate()
            try:
                child.wait(timeout=40)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def _until_it_answers(url: str, child: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    while child.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(url, trust_env=False).is_success:
                return
        time.sleep(0.2)
    raise LongtakeError("the Prefect server did not start", next_step=f"read {log}, then run `longtake up` again")


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _say(text: str) -> None:
    print(f"up: {text}", file=sys.stderr, flush=True)  # noqa: T201 - people at a terminal
