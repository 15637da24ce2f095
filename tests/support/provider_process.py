"""A provider in a process of its own, with an account and a store for each test, and what its books say of one account."""

from __future__ import annotations

import collections
import contextlib
import functools
import itertools
import json
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import backdoor
from prefect_server import clean_environment, process

from longtake import settings
from longtake import store as stores
from longtake.storyboard import Scene, Shot, Storyboard
from longtake.take import ledger_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from longtake.ledger import Ledger
    from longtake.settings import Settings

KEYS = 150

SMALL = {
    "inputs": {"image": {"side": {"min": 16}}},
    "models": {"seedance-2.5": {"duration": {"min": 1}, "pixels": {"480p": {"16:9": [64, 36]}}}},
}
PRICE = 80
"""Credits of a shot of one second."""


@dataclass
class Account:
    """One key with a store of its own. Prompts begin with its marker, which tells its tasks from those of other tests."""

    folder: Path
    key: str
    base_url: str
    admin_url: str
    store_url: str
    catalog: Path
    public: bool = True
    """Whether the store has a URL that the provider can read."""

    @property
    def marker(self) -> str:
        return f"{self.folder.name}:"

    @property
    def env(self) -> dict[str, str]:
        """The variables that name the account."""
        return {
            "LONGTAKE_API_KEY": self.key,
            "LONGTAKE_BASE_URL": self.base_url,
            "LONGTAKE_CATALOG": str(self.catalog),
            "LONGTAKE_STORE": str(self.folder),
            "LONGTAKE_PUBLIC_URL": self.store_url if self.public else "",
            # Tests must not wait for a rate that is meant for the real provider.
            "LONGTAKE_SUBMITS_PER_SECOND": "1000",
            "LONGTAKE_MAX_IN_FLIGHT": "100",
        }

    @property
    def settings(self) -> Settings:
        return settings.from_environment(self.env)

    @property
    def ledger(self) -> Ledger:
        return ledger_of(self.settings, stores.open(str(self.folder)))

    def shot(self, name: str = "waves", **fields: Any) -> Shot:
        """A shot of one second and few pixels."""
        small = {"model": "seedance-2.5", "resolution": "480p", "size": "16:9", "duration": 1, "generate_audio": False}
        return Shot(name, f"{self.marker} {name}, wide shot", **{**small, **fields})

    def board(self, *names: str, title: str = "A Film", **keys: Any) -> Storyboard:
        """A storyboard of such shots, each the next of one chain."""
        return Storyboard(title=title, scenes=[Scene("s", [self.shot(name) for name in names])], **keys)

    # -- the provider ----------------------------------------------------------------------------------------------------

    def fault(self, *rules: Mapping[str, Any], shot: str = "") -> None:
        """Let the provider fail once for a shot, in each of these ways."""
        match = f"{self.marker} {shot}".strip()
        self._ask("POST", "faults", json=[{"where": "submit", "times": 1, "match": match, **rule} for rule in rules])

    def advance(self) -> None:
        """Finish every task that is processing."""
        self._ask("POST", "advance")

    def tasks(self) -> list[dict[str, Any]]:
        """The provider's tasks of this account."""
        return [task for task in self._ask("GET", "tasks") if task["prompt"].startswith(self.marker)]

    def polls(self) -> int:
        """How often the tasks of this account were asked for."""
        return sum(task["polls"] for task in self.tasks())

    def received(self) -> int:
        """How many POSTs the provider has received, from all tests."""
        return int(self._ask("GET", "books")["posts"]["received"])

    def bought(self) -> dict[str, int]:
        """Debits less refunds by shot id."""
        books = self._ask("GET", "books")
        shots = {
            task["id"]: task["prompt"].removeprefix(self.marker).split(",")[0].strip()
            for task in books["tasks"]
            if task["prompt"].startswith(self.marker)
        }
        found = collections.Counter[str]()
        for entry in books["entries"]:
            if entry["task"] in shots:
                found[shots[entry["task"]]] += 1 if entry["kind"] == "debit" else -1
        return dict(found)

    def _ask(self, method: str, what: str, **options: Any) -> Any:
        answer = backdoor.http.request(method, f"{self.admin_url}/{what}", **options)
        assert answer.status_code == 200, answer.text
        return answer.json()


def connections_to(*urls: str) -> int:
    """How many connections of this process to these servers are open (Linux)."""
    ports = {urlsplit(url).port for url in urls}
    mine = set()
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            mine.add(str(entry.readlink()))
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    # Of each: the remote address, the state (01 is established, 08 waits to be closed by us) and the inode.
    return sum(
        int(line[2].partition(":")[2], 16) in ports and line[3] in {"01", "08"} and f"socket:[{line[9]}]" in mine
        for line in lines
    )


class Provider:
    """Gives each test an account."""

    def __init__(self, folder: Path, address: Mapping[str, str], public: str, catalog: Path) -> None:
        self._folder = folder
        self._address = address
        self._public = public
        self._catalog = catalog
        self._numbers = itertools.count(1)

    def account(self) -> Account:
        number = next(self._numbers)
        name = f"store-{number:03d}"
        (self._folder / name).mkdir()
        backdoor.http.delete(f"{self._address['admin_url']}/faults").raise_for_status()
        return Account(
            self._folder / name,
            f"key-{number:03d}",
            self._address["base_url"],
            self._address["admin_url"],
            f"{self._public}/{name}",
            self._catalog,
        )


class _Files(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@contextmanager
def served(folder: Path):
    """A folder over HTTP; yields its URL. The emulator itself serves one store only."""
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Files, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@contextmanager
def provider_process(folder: Path, *options: str):
    """An emulator in a process of its own."""
    (catalog := folder / "few-pixels.json").write_text(json.dumps(SMALL))
    (stores_ := folder / "stores").mkdir()
    words = [word for number in range(1, KEYS + 1) for word in ("--key", f"key-{number:03d}")]
    words += ["--balance", "10000000", "--processing", "0", "--speed", "ultrafast", "--copies"]
    words += ["--catalog", str(catalog), *options]
    command = (sys.executable, "-P", "-m", "longtake.emulator", *words)
    with (
        (folder / "emulator.log").open("wb") as log,
        process(*command, env=clean_environment(), stdout=subprocess.PIPE, stderr=log, text=True) as running,
        served(stores_) as public,
    ):
        line = running.stdout.readline()
        assert line, (folder / "emulator.log").read_text()
        yield Provider(stores_, json.loads(line), public, catalog)
