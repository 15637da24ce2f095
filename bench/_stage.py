"""What the measurements of runs stand on: Prefect servers, providers that serve real clips, and clients.

Each is a process of its own; its CPU and memory, with all that it started, are read from /proc.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx

from bench import _clips
from longtake.prefect.ops import server

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).parent.parent
KEY = "bench-key"
BATCHES = {setting.variable: str(setting.value) for setting in server.RECORDING}
TINY = {"models": {"seedance-2.5": {"duration": {"min": 1}, "pixels": {"480p": {"16:9": [64, 36]}}}}}
"""Catalog values for clips of a second and of few pixels."""
FINAL = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
_TICK = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
SETTLING = 30.0
"""Seconds to wait for a server to come to rest; on a busy machine it may never look as if it had."""
LONGEST = 600.0
"""Seconds a client may take unless told otherwise."""


class CutError(Exception):
    """A client did not end within its time and was killed."""


@dataclass(frozen=True)
class Process:
    """A process that leads a session of its own."""

    popen: subprocess.Popen[str]
    log: Path

    def _all(self) -> list[list[str]]:
        """What /proc tells of it and of what it started, from the third field on."""
        found = []
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = path.read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[3]) == self.popen.pid:
                found.append(fields)
        return found

    def cpu(self) -> float:
        """Seconds used so far, those of children that ended too."""
        return sum(sum(map(int, fields[11:15])) for fields in self._all()) / _TICK

    def rss(self) -> float:
        """Megabytes held now."""
        return sum(int(fields[21]) for fields in self._all()) * _PAGE / 1e6

    def end(self) -> None:
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.popen.pid, number)
                self.popen.wait(timeout=15)
            except subprocess.TimeoutExpired:
                continue
            except ProcessLookupError:
                break
        self.popen.wait()


@contextmanager
def started(words: Sequence[str], log: Path, **settings: str) -> Iterator[Process]:
    """A Python process; nothing of it is left afterwards. It sees no settings of whoever measures."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("LONGTAKE_", "REAPI_", "PREFECT_"))
    }
    env = {**kept, "NO_PROXY": "*", "DO_NOT_TRACK": "1", "PREFECT_SERVER_ANALYTICS_ENABLED": "false", **settings}
    with log.open("ab") as said:
        popen = subprocess.Popen(
            [sys.executable, *words], env=env, cwd=ROOT, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said, text=True,
        )  # fmt: skip
    process = Process(popen, log)
    try:
        yield process
    finally:
        process.end()
        assert popen.stdout is not None
        popen.stdout.close()


@dataclass
class Server:
    """A Prefect server."""

    process: Process
    api: str
    idle: float = 0.0
    """CPU seconds it uses in a second in which nobody asks for anything."""

    def settle(self) -> float:
        """Wait until it has come to the end of its queues, or for `SETTLING` seconds; gives its CPU seconds then."""
        quiet, before = 0, self.process.cpu()
        deadline = time.monotonic() + SETTLING
        while quiet < 3 and time.monotonic() < deadline:
            time.sleep(1.0)
            now = self.process.cpu()
            quiet = quiet + 1 if now - before < 0.12 else 0
            before = now
        return before

    def count(self, *states: str, of: str = "task_runs") -> int:
        """Task runs (or flow runs) in one of the states; all without any."""
        wanted = {of: {"state": {"type": {"any_": list(states)}}}} if states else {}
        answer = httpx.post(f"{self.api}/{of}/count", json=wanted, trust_env=False, timeout=60)
        answer.raise_for_status()
        return int(answer.json())

    def left_open(self, of: str = "task_runs") -> int:
        """Task runs (or flow runs) that are in no final state."""
        return self.count(of=of) - self.count(*FINAL, of=of)


@dataclass(frozen=True)
class Provider:
    """A provider that renders nothing."""

    process: Process
    url: str

    def tasks(self) -> list[dict[str, Any]]:
        """All tasks, oldest first."""
        answer = httpx.get(f"{self.url}/tasks", trust_env=False, timeout=120)
        answer.raise_for_status()
        return list(answer.json())


class Sample(NamedTuple):
    """Megabytes that a client held at a moment, in seconds since 1970."""

    at: float
    megabytes: float


@dataclass
class Ran:
    """What a client used."""

    wall: float
    cpu: float
    began: float
    """Seconds since 1970."""
    samples: list[Sample] = field(default_factory=list)
    """Its memory, once a second."""


@dataclass
class Stage:
    """A folder, and what is started in it until the stage is left."""

    folder: Path
    stack: ExitStack
    number: int = 0

    def server(self, **settings: str) -> Server:
        """Start a Prefect server with an empty database."""
        self.number += 1
        home = self.folder / f"prefect-{self.number}"
        home.mkdir()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = str(free.getsockname()[1])
        words = ["-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", port]
        given = {"PREFECT_HOME": str(home), "PREFECT_SERVER_UI_ENABLED": "false", **settings}
        process = self.stack.enter_context(started(words, home / "server.log", **given))
        threading.Thread(target=_drained, args=(process,), daemon=True).start()
        server = Server(process, f"http://127.0.0.1:{port}/api")
        deadline = time.monotonic() + 600
        while True:
            assert process.popen.poll() is None, process.log.read_text()
            assert time.monotonic() < deadline, "the Prefect server does not answer"
            try:
                if httpx.get(f"{server.api}/health", trust_env=False).status_code == httpx.codes.OK:
                    break
            except httpx.TransportError:
                time.sleep(0.2)
        before = server.settle()
        time.sleep(3.0)
        server.idle = (process.cpu() - before) / 3.0
        return server

    @contextmanager
    def provider(self, processing: float, clips: _clips.Clips) -> Iterator[Provider]:
        """A provider whose tasks take this many seconds."""
        clip = _clips.sources(clips)[0]
        words = ["-m", "bench._provider", str(clip), str(_clips.last_frame(clip)), str(processing)]
        with started(words, self.folder / "provider.log") as process:
            assert process.popen.stdout is not None
            url = process.popen.stdout.readline().strip()
            assert url, process.log.read_text()
            yield Provider(process, url)

    def board(self, title: str, chains: int, length: int, clips: _clips.Clips) -> Path:
        """A storyboard of this many chains and shots per chain; each chain is a scene, unless shots stand alone."""
        path = self.folder / f"{title}.json"
        scenes: list[dict[str, Any]] = []
        for chain in range(chains):
            # Shots that continue nothing share a scene, of which there cannot be as many.
            if length > 1 or chain % 100 == 0:
                scenes.append({"id": f"s{chain}", "shots": []})
            for shot in range(length):
                one = {"id": f"c{chain}-{shot}", "prompt": f"{title} chain {chain} shot {shot}"}
                scenes[-1]["shots"].append(one if shot else {**one, "continue_from": None})
        lines = f"{min(1080, max(480, int(clips.size.partition('x')[2])))}p"
        same = {"resolution": lines, "size": "16:9", "duration": clips.seconds, "generate_audio": True}
        whole = {"schema": "longtake/1", "title": title, "model": "seedance-2.5", "defaults": same, "scenes": scenes}
        path.write_text(json.dumps(whole))
        return path

    def settings(self, provider: Provider, clips: _clips.Clips, store: Path) -> dict[str, str]:
        """The environment of a client."""
        found = {
            "LONGTAKE_API_KEY": KEY,
            "LONGTAKE_BASE_URL": f"{provider.url}/api/v1",
            "LONGTAKE_STORE": str(store),
            "LONGTAKE_PUBLIC_URL": f"{provider.url}/store",
            "LONGTAKE_SUBMITS_PER_SECOND": "1000",
            "PREFECT_HOME": str(self.folder / "prefect-client"),
        }
        if clips.size == _clips.SMALL.size:
            (self.folder / "tiny.json").write_text(json.dumps(TINY))
            found["LONGTAKE_CATALOG"] = str(self.folder / "tiny.json")
        return found

    def client(
        self, way: str, board: Path, provider: Provider, clips: _clips.Clips, server: Server | None = None,
        *, longest: float = LONGEST, **more: str,
    ) -> Ran:  # fmt: skip
        """Make a film by a client in a process of its own; `way` is one of `bench._client`, or `bare`.

        Raises:
            CutError: it did not end within `longest` seconds.
        """
        store = self.folder / f"store-{board.stem}-{way}"
        store.mkdir()
        settings = {**self.settings(provider, clips, store), **more}
        if server is not None:
            settings["PREFECT_API_URL"] = server.api
        words = ["-m", "bench._bare", str(board)] if way == "bare" else ["-m", "bench._client", way, str(board)]
        began, at = time.time(), time.perf_counter()
        samples: list[Sample] = []
        with started(words, self.folder / f"{board.stem}-{way}.log", **settings) as process:
            over, cut = threading.Event(), threading.Event()
            watcher = threading.Thread(target=_watch, args=(process, samples, over), daemon=True)
            watcher.start()
            limit = threading.Timer(longest, _kill, (process.popen.pid, cut))
            limit.daemon = True
            limit.start()
            _, status, used = os.wait4(process.popen.pid, 0)
            limit.cancel()
            wall = time.perf_counter() - at
            process.popen.returncode = os.waitstatus_to_exitcode(status)
            over.set()
            watcher.join()
        if cut.is_set():
            raise CutError(f"{board.stem} did not end in {longest:.0f} s")
        assert status == 0, process.log.read_text()[-4000:]
        return Ran(wall, used.ru_utime + used.ru_stime, began, samples)


def _kill(pid: int, cut: threading.Event) -> None:
    cut.set()
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def _drained(process: Process) -> None:
    assert process.popen.stdout is not None
    for _ in process.popen.stdout:
        pass


def _watch(client: Process, into: list[Sample], over: threading.Event) -> None:
    while not over.wait(1.0):
        into.append(Sample(time.time(), client.rss()))


@contextmanager
def stage() -> Iterator[Stage]:
    """Nothing of what is started on it is left afterwards, by SIGTERM neither."""
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    with (
        tempfile.TemporaryDirectory(prefix="longtake-bench-", ignore_cleanup_errors=True) as name,
        ExitStack() as stack,
    ):
        yield Stage(Path(name), stack)
