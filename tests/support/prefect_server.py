"""Prefect servers in processes of their own: one for each test process, and more for tests that kill theirs."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING

import backdoor
import httpx
import pytest
from processes import clean_environment, free_port, process, until

from longtake.prefect.ops.server import RECORDING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

QUICK = {
    # Events are written in batches and soon: a third of the CPU, and tests read sooner what happened.
    **{setting.variable: str(setting.value) for setting in RECORDING if "triggers" not in setting.path},
    # Not as Longtake wants it, for the doctor to find.
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_FLUSH_INTERVAL": "1.5",
}


class PrefectServer:
    """A server whose folder holds its database and nothing of a person's own profile; it can be killed and started again."""

    def __init__(self, home: Path, empty: Path) -> None:
        self.home = home
        self._empty = empty
        """Where the first server of the session leaves a copy of its new database: to make one is half of a start."""
        self._port = free_port()
        self._stack = ExitStack()

    @property
    def api(self) -> str:
        """The URL of its API, the same after a restart."""
        return f"http://127.0.0.1:{self._port}/api"

    def start(self) -> None:
        """Start it, at the same port and with the same database as before, and wait until it answers."""
        with self._empty.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            first = not self._empty.exists()
            if not first:
                fcntl.flock(lock, fcntl.LOCK_UN)
                if not (self.home / "prefect.db").exists():
                    shutil.copyfile(self._empty, self.home / "prefect.db")
            self._start()
            if first:
                self._leave_copy()

    def kill(self) -> None:
        """End it as a machine does that is switched off."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def close(self) -> None:
        """End it in good order."""
        self._stack.close()

    def _start(self) -> None:
        env = clean_environment(PREFECT_HOME=str(self.home), PREFECT_SERVER_UI_ENABLED="false", **QUICK)
        command = (sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", self._port)
        log = self._stack.enter_context((self.home / "server.log").open("ab"))
        self._process = self._stack.enter_context(
            process(*command, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        )

        def healthy() -> bool:
            try:
                return backdoor.http.get(f"{self.api}/health").status_code == 200
            except httpx.TransportError:
                return False

        until(healthy, why="the Prefect server answers", process=self._process)

    def _leave_copy(self) -> None:
        copy = self._empty.with_suffix(".part")
        with closing(sqlite3.connect(self.home / "prefect.db")) as ours, closing(sqlite3.connect(copy)) as theirs:
            ours.backup(theirs)
        copy.rename(self._empty)


@pytest.fixture(scope="session")
def prefect_servers(tmp_path_factory):
    """`prefect_servers(folder)`: a context with a Prefect server that runs."""
    base = tmp_path_factory.getbasetemp()
    # The test processes of one session share a folder.
    empty = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "empty-prefect.db"

    @contextmanager
    def running(home: Path) -> Iterator[PrefectServer]:
        server = PrefectServer(home, empty)
        try:
            server.start()
            yield server
        finally:
            server.close()

    return running


@pytest.fixture(scope="session")
def prefect_home(tmp_path_factory):
    """The folder of this test process's Prefect server."""
    return tmp_path_factory.mktemp("prefect-server")


@pytest.fixture(scope="session")
def prefect_api(prefect_servers, prefect_home):
    """The URL of this test process's Prefect server, which starts when the first test asks for it."""
    with prefect_servers(prefect_home) as server:
        yield server.api


@pytest.fixture
def mortal_prefect(prefect_servers, tmp_path):
    """A server of its own for a test that kills it and may start it again."""
    with prefect_servers(tmp_path) as server:
        yield server
