"""Accounts at one provider, which is a process of its own: each test gets a key and a store, and asks for its own tasks only."""

from __future__ import annotations

import collections
import contextlib
import functools
import itertools
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from emulators import Emulator, emulator_process, small_catalog

from longtake import settings
from longtake import store as stores
from longtake.storyboard import Scene, Shot, Storyboard
from longtake.take import ledger_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from longtake.ledger import Ledger
    from longtake.settings import Settings

KEYS = 150

PRICE = 80
"""Credits of a shot of one second."""


@dataclass
class Account:
    """One key with a store of its own. Prompts begin with its marker, which tells its tasks from those of other tests."""

    folder: Path
    key: str
    provider: Emulator
    store_url: str
    catalog: Path
    public: bool = True
    """Whether the store has a URL that the provider can read."""

    @property
    def base_url(self) -> str:
        return self.provider.base_url

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
        self.provider.fault(*({"where": "submit", "times": 1, "match": match, **rule} for rule in rules))

    def advance(self) -> None:
        """Finish every task that is processing."""
        self.provider.advance()

    def tasks(self) -> list[dict[str, Any]]:
        """The provider's tasks of this account."""
        return [task for task in self.provider.tasks() if task["prompt"].startswith(self.marker)]

    def polls(self) -> int:
        """How often the tasks of this account were asked for."""
        return sum(task["polls"] for task in self.tasks())

    def received(self) -> int:
        """How many POSTs the provider has received, from all tests."""
        return self.provider.posts

    def bought(self) -> dict[str, int]:
        """Debits less refunds by shot id."""
        books = self.provider.books()
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


class Accounts:
    """Gives each test an account."""

    def __init__(self, folder: Path, provider: Emulator, public: str, catalog: Path) -> None:
        self._folder = folder
        self._provider = provider
        self._public = public
        self._catalog = catalog
        self._numbers = itertools.count(1)

    def account(self) -> Account:
        number = next(self._numbers)
        name = f"store-{number:03d}"
        (self._folder / name).mkdir()
        self._provider.mend()
        return Account(
            self._folder / name, f"key-{number:03d}", self._provider, f"{self._public}/{name}", self._catalog
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
def accounts(folder: Path):
    """A provider that knows the keys of many accounts."""
    catalog = small_catalog(folder / "few-pixels.json")
    (stores_ := folder / "stores").mkdir()
    keys = tuple(f"key-{number:03d}" for number in range(1, KEYS + 1))
    options = ("--balance", "10000000", "--copies", "--catalog", catalog)
    with emulator_process(folder, *options, keys=keys) as provider, served(stores_) as public:
        yield Accounts(stores_, provider, public, catalog)
