"""An emulator, a store it serves, and settings that name both; inputs that are hosted for it."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from emulators import Emulator, running_emulator, small_catalog
from input_host import BUDGET, CHAIN, HEAD, SMALL, Host, with_pins
from input_host import KEY as INPUT_KEY
from leaving import left_behind
from pydantic import SecretStr
from shooting import BOARD, quick_session, shoot

from longtake import request, storyboard
from longtake import store as stores
from longtake.catalog import Catalog
from longtake.settings import Settings
from longtake.take import Session, TakeSpec

if TYPE_CHECKING:
    from pathlib import Path


KEY = "key-of-the-take-tests"


@dataclass
class Studio:
    """An emulator, a store it serves, and settings that name both."""

    settings: Settings
    provider: Emulator
    folder: Path
    catalog: Catalog
    board: str = BOARD

    @property
    def store(self):
        return stores.of(self.settings)

    def resolved(self, text: str = BOARD, base: Path | None = None):
        return request.resolve(storyboard.draft_text(text, name="board.yaml", base=base or self.folder), self.catalog)

    def session(self, **changes: Any):
        settings = self.settings.model_copy(update=changes)
        return quick_session(settings, catalog=self.catalog, film="two-takes", budget=None)

    def books(self) -> dict[str, Any]:
        return self.provider.books()

    def posts(self) -> int:
        return self.provider.posts

    def faults(self, *rules: dict[str, Any]) -> None:
        self.provider.mend()
        self.provider.fault(*rules)

    def film(self, text: str = BOARD, *, downstream: str | None = None, **changes: Any):
        """A run of the board in one session; the outcomes by shot id."""

        async def work():
            async with self.session(**changes) as session:
                return {one.shot.id: one for one in await shoot(session, self.resolved(text), downstream=downstream)}

        return asyncio.run(work())


@pytest.fixture
def make_studio(tmp_path):
    with left_behind() as stack:

        def make(**options: Any) -> Studio:
            folder = tmp_path / "store"
            folder.mkdir(exist_ok=True)
            # The seconds of a clip and its price are the real ones.
            catalog = small_catalog(tmp_path / "few-pixels.json", pixels=(160, 90), shortest=None)
            given = {"key": KEY, "processing": 0, "balance": 50_000, "catalog": catalog, **options}
            place = stack.enter_context(running_emulator(folder, **given))
            settings = Settings(
                api_key=KEY,
                base_url=place.base_url,
                store=str(folder),
                public_url=place.store_url,
                longest_wait=120,
                catalog=catalog,
            )
            return Studio(settings, place, folder, Catalog.load(catalog))

        yield make


@pytest.fixture
def studio(make_studio) -> Studio:
    return make_studio()


@pytest.fixture
def small(make_studio, tmp_path):
    path = tmp_path / "small.json"
    path.write_text(json.dumps(SMALL))
    studio = make_studio(keys=(INPUT_KEY,), catalog=path, balance=BUDGET)
    settings = studio.settings.model_copy(update={"api_key": SecretStr(INPUT_KEY), "catalog": path})
    return dataclasses.replace(studio, settings=settings, catalog=Catalog.load(path), board=CHAIN)


@pytest.fixture
def make_host():
    hosts = []

    def make(root):
        hosts.append(Host(root))
        threading.Thread(target=hosts[-1].serve_forever, args=(0.01,), daemon=True).start()
        return hosts[-1]

    yield make
    for host in hosts:
        host.shutdown()
        host.server_close()


@pytest.fixture
def hosted(small, make_host):
    """A studio whose store is read through a server that counts."""
    host = make_host(small.folder)
    settings = small.settings.model_copy(update={"public_url": host.url})
    return dataclasses.replace(small, settings=settings), host


@pytest.fixture
def pinned(small, tmp_path):
    board = HEAD + '  - {id: one, prompt: "p", first_frame: a.png}\n'
    return TakeSpec(small.resolved(board, base=with_pins(tmp_path)).shots[0], 1, None)


__all__ = ["BOARD", "KEY", "Session", "Studio"]
