"""What the measurements of runs stand on: Prefect servers, emulators whose clips cost no CPU, and clients.

Each is a process of its own; its CPU and memory, with all that it started, are read from /proc.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from longtake.prefect.ops import server

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).parent.parent
KEY = "bench-key"
BATCHES = {setting.variable: str(setting.value) for setting in server.RECORDING}
SMALL = {
    "inputs": {"image": {"side": {"min": 16}}},
    "models": {"seedance-2.5": {"duration": {"min": 1}, "pixels": {"480p": {"16:9": [64, 36]}}}},
}
"""Clips of a second and of few pixels: the engine is measured, not the picture."""
FINAL = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
_TICK = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
SETTLING = 60.0
"""Seconds to wait for a server to come to rest; on a busy machine it may never look as if it had."""
LONGEST = 1800.0
"""Seconds a client may take unless a measurement allows less."""


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
class Emulator:
    """The provider."""

    process: Process
    base_url: str
    admin_url: str
    store_url: str

    def books(self, part: str) -> Any:  # noqa: ANN401 - what the part is
        """A part of what the admin calls the books."""
        answer = httpx.get(f"{self.admin_url}/books", trust_env=False, timeout=120)
        answer.raise_for_status()
        return answer.json()[part]

    def tasks(self) -> list[dict[str, Any]]:
        """All tasks, oldest first."""
        return list(self.books("tasks"))


@dataclass
class Ran:
    """What a client used and said."""

    wall: float
    cpu: float
    rss: float
    """Megabytes at the most."""
    answer: dict[str, Any]
    samples: list[dict[str, float]] = field(default_factory=list)
    """Memory of client and server as time went on."""


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

    def emulator(self, processing: float, **options: str) -> Emulator:
        """Start a provider whose tasks take so many seconds."""
        catalog = self.folder / "small.json"
        catalog.write_text(json.dumps(SMALL))
        given = {"processing": str(processing), "key": KEY, "balance": str(10**11), "speed": "ultrafast"}
        given |= {"catalog": str(catalog), "public": str(self._shown(self.folder))}
        words = [f"--{name}={value}" for name, value in {**given, **options}.items()]
        log = self.folder / "emulator.log"
        process = self.stack.enter_context(started(["-m", "longtake.emulator", "--copies", *words], log))
        assert process.popen.stdout is not None
        line = process.popen.stdout.readline()
        assert line, log.read_text()
        told = json.loads(line)
        return Emulator(process, told["base_url"], told["admin_url"], told["store_url"])

    def _shown(self, store: Path) -> Path:
        """The folder that the provider reads inputs from: another name of the store of the client that runs."""
        link = self.folder / "shown"
        link.unlink(missing_ok=True)
        link.symlink_to(store, target_is_directory=True)
        return link

    def board(self, title: str, chains: int, length: int) -> Path:
        """A storyboard of so many chains of so many shots."""
        path = self.folder / f"{title}.json"
        scenes: list[dict[str, Any]] = []
        for chain in range(chains):
            # Shots that continue nothing share a scene, of which there cannot be as many.
            if length > 1 or chain % 100 == 0:
                scenes.append({"id": f"s{chain}", "shots": []})
            for shot in range(length):
                one = {"id": f"c{chain}-{shot}", "prompt": f"{title} chain {chain} shot {shot}"}
                scenes[-1]["shots"].append(one if shot else {**one, "continue_from": None})
        small = {"resolution": "480p", "size": "16:9", "duration": 1, "generate_audio": False}
        whole = {"schema": "longtake/1", "title": title, "model": "seedance-2.5", "defaults": small, "scenes": scenes}
        path.write_text(json.dumps(whole))
        return path

    @contextmanager
    def running(
        self, way: str, board: Path, emulator: Emulator, server: Server | None, *, in_flight: int = 1000
    ) -> Iterator[Process]:
        """A client that makes a film; `way` is one of `bench._client`."""
        title = f"{board.stem}-{way}"
        store = self.folder / f"store-{title}"
        store.mkdir()
        self._shown(store)
        settings = {
            "LONGTAKE_API_KEY": KEY,
            "LONGTAKE_BASE_URL": emulator.base_url,
            "LONGTAKE_STORE": str(store),
            "LONGTAKE_PUBLIC_URL": emulator.store_url,
            "LONGTAKE_CATALOG": str(self.folder / "small.json"),
            "PREFECT_HOME": str(self.folder / "prefect-client"),
        }
        if server is not None:
            settings["PREFECT_API_URL"] = server.api
        words = ["-m", "bench._client", way, str(board), str(in_flight)]
        with started(words, self.folder / f"{title}.log", **settings) as process:
            yield process

    def client(
        self,
        way: str,
        board: Path,
        emulator: Emulator,
        server: Server | None,
        *,
        in_flight: int = 1000,
        longest: float = LONGEST,
    ) -> Ran:
        """Make a film by a client in a process of its own.

        Raises:
            CutError: it did not end within `longest` seconds.
        """
        at = time.perf_counter()
        samples: list[dict[str, float]] = []
        with self.running(way, board, emulator, server, in_flight=in_flight) as process:
            over = threading.Event()
            watcher = threading.Thread(target=_watch, args=(process, server, samples, over), daemon=True)
            watcher.start()
            cut = threading.Event()
            limit = threading.Timer(longest, _kill, (process.popen.pid, cut))
            limit.daemon = True
            limit.start()
            assert process.popen.stdout is not None
            text = process.popen.stdout.read()
            _, status, used = os.wait4(process.popen.pid, 0)
            limit.cancel()
            wall = time.perf_counter() - at
            process.popen.returncode = os.waitstatus_to_exitcode(status)
            over.set()
            watcher.join()
        if cut.is_set():
            raise CutError(f"{board.stem} did not end in {longest:.0f} s")
        assert status == 0, process.log.read_text()[-4000:]
        last = text.strip().splitlines()[-1]
        return Ran(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1000, json.loads(last), samples)


def _kill(pid: int, cut: threading.Event) -> None:
    cut.set()
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def _drained(process: Process) -> None:
    assert process.popen.stdout is not None
    for _ in process.popen.stdout:
        pass


def _watch(client: Process, server: Server | None, into: list[dict[str, float]], over: threading.Event) -> None:
    began = time.monotonic()
    while not over.wait(2.0):
        one = {"at": round(time.monotonic() - began, 1), "client_mb": round(client.rss())}
        into.append(one | ({"server_mb": round(server.process.rss())} if server is not None else {}))


@contextmanager
def stage() -> Iterator[Stage]:
    """Nothing of what is started on it is left afterwards, by SIGTERM neither."""
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    with (
        tempfile.TemporaryDirectory(prefix="longtake-bench-", ignore_cleanup_errors=True) as name,
        ExitStack() as stack,
    ):
        yield Stage(Path(name), stack)


def percentile(values: Sequence[float], share: float) -> float:
    """The value under which this share of them lies."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, 95th percentile and the largest."""
    return {"p50": statistics.median(values), "p95": percentile(values, 0.95), "max": max(values)}
