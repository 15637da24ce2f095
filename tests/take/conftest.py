from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import backdoor
import pytest
from leaving import left_behind
from shooting import quick_session, shoot

from longtake import emulator, request, storyboard
from longtake import store as stores
from longtake.catalog import Catalog
from longtake.settings import Settings
from longtake.take import Session

if TYPE_CHECKING:
    from pathlib import Path

SMALL = {
    "inputs": {"image": {"side": {"min": 16}}},
    "models": {"seedance-2.5": {"pixels": {"480p": {"16:9": [160, 90]}}}},
}
"""Few pixels to a clip; its seconds and its price are the real ones."""

KEY = "key-of-the-take-tests"

BOARD = """
schema: longtake/1
title: Two Takes
model: seedance-2.5
defaults: {resolution: 480p, size: "16:9", duration: 4}
scenes:
  - id: s
    shots:
      - {id: one, prompt: "A harbour at night"}
      - {id: two, prompt: "A boat leaves"}
"""


@dataclass
class Studio:
    """An emulator, a store it serves, and settings that name both."""

    settings: Settings
    admin: str
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
        return backdoor.http.get(f"{self.admin}/books").json()

    def posts(self) -> int:
        return self.books()["posts"]["received"]

    def faults(self, *rules: dict[str, Any]) -> None:
        backdoor.http.delete(f"{self.admin}/faults").raise_for_status()
        for rule in rules:
            backdoor.http.post(f"{self.admin}/faults", json=[rule]).raise_for_status()

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
            catalog = tmp_path / "few-pixels.json"
            catalog.write_text(json.dumps(SMALL))
            options = {"catalog": catalog, **options}
            config = emulator.Config(
                **{"keys": (KEY,), "processing": 0, "balance": 50_000, "speed": "ultrafast", **options}, public=folder
            )
            place = stack.enter_context(emulator.running(config))
            settings = Settings(
                api_key=KEY,
                base_url=place.base_url,
                store=str(folder),
                public_url=place.store_url,
                longest_wait=120,
                catalog=catalog,
            )
            return Studio(settings, place.admin_url, folder, Catalog.load(catalog))

        yield make


@pytest.fixture
def studio(make_studio) -> Studio:
    return make_studio()


__all__ = ["BOARD", "KEY", "Session", "Studio"]
