"""A Prefect server with its UI, work pools and workers on this machine, for a person to try.

Without a key in the environment the provider is the emulator, and nobody pays.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from longtake import ports
from longtake.emulator import process
from longtake.errors import LongtakeError
from longtake.prefect.ops.server import BATCHES, FLUSH, LEASES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import FrameType

_POOLS = ("films", "films-scenes")
"""The second is for scenes: films that wait for theirs must not hold the slots these need."""
_SERVER = {name: str(value) for name, value in (BATCHES | FLUSH).items()} | {
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": LEASES,
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
}
_WORKER = {"PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30"}
"""Seconds; Prefect takes no less."""
_PATIENCE = 120


def main() -> int:
    """Start everything, say where it is, and end it all on Ctrl-C."""
    parser = argparse.ArgumentParser(prog="make up")
    parser.add_argument("folder")
    parser.add_argument("--port", type=int, default=4200)
    options = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    try:
        ports.check_free("the Prefect server", "127.0.0.1", options.port)
    except LongtakeError as error:
        _say(str(error))
        return error.exit_code
    folder = Path(options.folder).absolute()
    store = folder / "store"
    store.mkdir(parents=True, exist_ok=True)
    url = f"http://127.0.0.1:{options.port}"
    with contextlib.ExitStack() as stack, contextlib.suppress(KeyboardInterrupt):
        env = {**_surroundings(stack, folder, store), **_WORKER}
        env |= {"PREFECT_HOME": str(folder / "prefect"), "PREFECT_API_URL": f"{url}/api"}
        command = ("server", "start", "--host", "127.0.0.1", "--port", str(options.port))
        server = stack.enter_context(_prefect(folder / "server.log", {**env, **_SERVER}, *command))
        _until_it_answers(f"{url}/api/health", server, folder / "server.log")
        for pool in _POOLS:
            create = ("work-pool", "create", pool, "--type", "process", "--overwrite")
            subprocess.run(
                [sys.executable, "-P", "-m", "prefect", *create], env=env, check=True, stdout=subprocess.DEVNULL
            )
        _say(
            f"the Prefect UI is at {url}, everything lies in {folder}; now `make deploy` in another terminal; Ctrl-C ends this"
        )
        words = ("--type", "process", "--limit", "4", "--install-policy", "never")
        workers = [
            stack.enter_context(_prefect(None, env, "worker", "start", "--pool", pool, *words)) for pool in _POOLS
        ]
        return workers[0].wait()
    _say("ended; what is bought is kept, and the next time goes on from there")
    return 0


def _surroundings(stack: contextlib.ExitStack, folder: Path, store: Path) -> dict[str, str]:
    """The variables of the worker: the person's own where there is a key, else those of an emulator."""
    if os.environ.get("LONGTAKE_API_KEY") or os.environ.get("REAPI_API_KEY"):
        _say("there is a key in the environment: films are bought with it")
        return {"LONGTAKE_STORE": store.as_uri(), **os.environ}
    _say("there is no key in the environment: a provider on this machine renders, and nobody pays")
    return process.environment(stack.enter_context(process.running(folder, store)), store)


@contextlib.contextmanager
def _prefect(log: Path | None, env: Mapping[str, str], *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """One of Prefect's own processes; it is asked to stop, and waited for."""
    with contextlib.ExitStack() as stack:
        out = stack.enter_context(log.open("ab")) if log is not None else None
        # A Ctrl-C at the terminal is ours to pass on, in order: the worker before the server it reports to.
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
    sys.exit(f"the Prefect server did not start: see {log}")


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _say(text: str) -> None:
    print(f"up: {text}", file=sys.stderr, flush=True)  # noqa: T201 - people at a terminal


if __name__ == "__main__":
    sys.exit(main())
