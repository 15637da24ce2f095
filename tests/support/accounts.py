"""Accounts to buy films with: alone at an emulator in a thread, or many at one process, where each asks for its own tasks only."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import functools
import itertools
import secrets
import threading
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from boards import FILM, LONG
from emulators import Emulator, emulator_process, running_emulator, small_catalog
from leaving import left_behind
from pydantic import SecretStr
from shooting import QUICK, shoot

from longtake import plan, request, storyboard
from longtake import store as stores
from longtake.catalog import Catalog
from longtake.settings import Settings
from longtake.storyboard import Scene, Shot, Storyboard
from longtake.take import ledger_of, open_session

if TYPE_CHECKING:
    from collections.abc import Mapping

KEYS = 150

PRICE = 80
"""Credits of a shot of one second."""


@dataclass(frozen=True)
class Account:
    """A key at an emulator, a store, and the settings that one film is made with."""

    settings: Settings
    emulator: Emulator
    text: str = LONG
    """The storyboard, where a test gives no other."""

    def using(self, **changes: Any):
        """The same with other settings."""
        if isinstance(changes.get("api_key"), str):
            changes["api_key"] = SecretStr(changes["api_key"])
        return replace(self, settings=self.settings.model_copy(update=changes))

    @property
    def key(self) -> str:
        return self.settings.key().get_secret_value()

    @property
    def env(self) -> dict[str, str]:
        """The settings as variables of a process."""
        given = self.settings.model_dump(include=self.settings.model_fields_set - {"api_key"}, exclude_none=True)
        return {"LONGTAKE_API_KEY": self.key, **{f"LONGTAKE_{name.upper()}": str(given[name]) for name in given}}

    @property
    def folder(self) -> Path:
        """The store's, where it is one."""
        return Path(self.settings.store)

    @property
    def store(self) -> stores.Store:
        return stores.of(self.settings)

    @property
    def ledger(self):
        """As a process that has just started sees it."""
        return ledger_of(self.settings, self.store)

    @cached_property
    def catalog(self) -> Catalog:
        return Catalog.load(self.settings.catalog)

    # -- a film ----------------------------------------------------------------------------------------------------------

    def resolve(self, text: str | None = None, *, base: Path | None = None):
        loaded = storyboard.draft_text(text or self.text, name="board.yaml", base=base or self.folder)
        return request.resolve(loaded, self.catalog)

    def session(self, *, film: str = FILM, **options: Any):
        """A session that polls its tasks more often than a real provider would like."""
        return open_session(
            self.settings, catalog=self.catalog, cadence=QUICK, film=film, **{"budget": None, **options}
        )

    def shoot(self, text: str | None = None, *, observer=None, **options: Any):
        """A run of the storyboard without its concatenation; the outcomes by shot id."""

        async def work():
            async with self.session(observer=observer) as session:
                return {one.shot.id: one for one in await shoot(session, self.resolve(text), **options)}

        return asyncio.run(work())

    def plan(self, text: str | None = None, **options: Any):
        given = {"catalog": self.catalog, "store": self.store, "settings": self.settings, "film": FILM, **options}
        return plan.make(self.resolve(text), **given)

    # -- the ledger ------------------------------------------------------------------------------------------------------

    def attempts(self):
        """The open attempts by shot id."""
        return {attempt.order.shot: attempt for attempt in self.ledger.read().attempts.values()}

    def phases(self) -> dict[str, str]:
        return {name: attempt.phase for name, attempt in self.attempts().items()}

    def kinds(self) -> list[str]:
        """What was written into the ledger, in order."""
        return [entry.kind for _, entry in self.ledger.log.entries()]

    # -- the provider ----------------------------------------------------------------------------------------------------

    @property
    def posts(self) -> int:
        """How many POSTs the provider has received."""
        return self.emulator.posts

    def books(self) -> dict[str, Any]:
        return self.emulator.books()

    def balance(self) -> int:
        return self.books()["balance"]

    def faults(self, *rules: Mapping[str, Any]) -> None:
        """Let the provider fail in these ways and in no others."""
        self.emulator.mend()
        self.emulator.fault(*rules)

    def advance(self) -> int:
        """Finish every task that is processing; how many there were."""
        return self.emulator.advance()


@contextmanager
def opening(folder: Path):
    """Yield `open(*faults, **options)`: an account at an emulator of its own. Tasks end at once, prices are the shipped ones.

    Options are fields of the emulator's config, and `text` (a storyboard), `catalog` and `their_catalog` (files to lay over the
    shipped one, ours and the provider's where it differs).
    """
    with left_behind() as stack:

        def open_account(*faults, text=LONG, catalog=None, their_catalog=None, keys=("key-of-the-tests",), **options):
            place = folder / f"account-{secrets.token_hex(4)}"
            (place / "store").mkdir(parents=True)
            catalog = catalog or small_catalog(place / "catalog.json", pixels=(160, 90), shortest=None)
            given = {"processing": 0, "balance": 50_000, "catalog": their_catalog or catalog, **options}
            emulator = stack.enter_context(running_emulator(place / "store", *faults, keys=keys, **given))
            settings = Settings(
                api_key=keys[0], base_url=emulator.base_url, store=str(place / "store"), public_url=emulator.store_url,
                catalog=catalog, longest_wait=120,
            )  # fmt: skip
            return Account(settings, emulator, text)

        yield open_account


# -- many accounts at one provider ---------------------------------------------------------------------------------------


class SharedAccount(Account):
    """One of many at a provider. Prompts begin with its marker, which tells its tasks from those of other tests."""

    @property
    def base_url(self) -> str:
        return self.settings.base_url

    @property
    def marker(self) -> str:
        return f"{self.folder.name}:"

    def shot(self, name: str = "waves", **fields: Any) -> Shot:
        """A shot of one second and few pixels."""
        small = {"model": "seedance-2.5", "resolution": "480p", "size": "16:9", "duration": 1, "generate_audio": False}
        return Shot(name, f"{self.marker} {name}, wide shot", **{**small, **fields})

    def board(self, *names: str, title: str = "A Film", **keys: Any) -> Storyboard:
        """A storyboard of such shots, each the next of one chain."""
        return Storyboard(title=title, scenes=[Scene("s", [self.shot(name) for name in names])], **keys)

    def fault(self, *rules: Mapping[str, Any], shot: str = "") -> None:
        """Let the provider fail once for a shot, in each of these ways."""
        match = f"{self.marker} {shot}".strip()
        self.emulator.fault(*({"where": "submit", "times": 1, "match": match, **rule} for rule in rules))

    def tasks(self) -> list[dict[str, Any]]:
        """The provider's tasks of this account."""
        return [task for task in self.emulator.tasks() if task["prompt"].startswith(self.marker)]

    def received(self) -> int:
        """How many POSTs the provider has received, from all tests."""
        return self.posts

    def polls(self) -> int:
        """How often the tasks of this account were asked for."""
        return sum(task["polls"] for task in self.tasks())

    def bought(self) -> dict[str, int]:
        """Debits less refunds by shot id."""
        books = self.books()
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

    def __init__(self, folder: Path, emulator: Emulator, public: str, catalog: Path) -> None:
        self._folder = folder
        self._emulator = emulator
        self._public = public
        self._catalog = catalog
        self._numbers = itertools.count(1)

    def account(self) -> SharedAccount:
        number = next(self._numbers)
        name = f"store-{number:03d}"
        (self._folder / name).mkdir()
        self._emulator.mend()
        settings = Settings(
            api_key=f"key-{number:03d}", base_url=self._emulator.base_url, store=str(self._folder / name),
            public_url=f"{self._public}/{name}", catalog=self._catalog,
            # Tests must not wait for a rate that is meant for the real provider.
            submits_per_second=1000, max_in_flight=100,
        )  # fmt: skip
        return SharedAccount(settings, self._emulator)


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
    with emulator_process(folder, *options, keys=keys) as emulator, served(stores_) as public:
        yield Accounts(stores_, emulator, public, catalog)
