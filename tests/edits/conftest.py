"""A film of three scenes of ten shots, made once; every edit starts from a copy of its store."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import struct
import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest
from emulators import Emulator, running_emulator, small_catalog
from shooting import quick_session, shoot

from longtake import film, request, storyboard
from longtake import plan as plans
from longtake import store as stores
from longtake.catalog import Catalog
from longtake.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

HEAD = """schema: longtake/1
title: Edit Me
model: seedance-2.5
defaults: {resolution: 480p, size: "16:9", duration: 1, generate_audio: false}
references: {keeper: keeper.png}
scenes:
"""


def board() -> str:
    """Three chains of ten; the first shot of each is given a picture, and the last of the first has two takes."""
    lines = [HEAD]
    for scene in "abc":
        lines.append(f"- id: {scene}\n  shots:\n")
        for number in range(1, 11):
            more = ", references: [keeper]" if number == 1 and scene == "b" else ""
            more += ", takes: 2" if (scene, number) == ("c", 10) else ""
            lines.append(f'  - {{id: {scene}{number}, prompt: "Shot {number} of scene {scene}"{more}}}\n')
    return "".join(lines)


def picture(path: Path, shade: int) -> None:
    rows = b"".join(b"\0" + bytes([shade, 80, 120] * 64) for _ in range(36))
    parts = [(b"IHDR", struct.pack(">IIBBBBB", 64, 36, 8, 2, 0, 0, 0)), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    body = b"".join(struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in parts)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)


@dataclass(frozen=True)
class Scene:
    """A storyboard beside its pictures, a store, and an account at the provider."""

    folder: Path
    settings: Settings
    provider: Emulator
    catalog: Catalog

    @property
    def text(self) -> str:
        return (self.folder / "board.yaml").read_text()

    def edit(self, old: str, new: str) -> None:
        assert old in self.text, old
        (self.folder / "board.yaml").write_text(self.text.replace(old, new))

    def run(self, **how):
        """The outcomes of a run, and the film."""

        async def work():
            resolved = request.resolve(storyboard.draft(str(self.folder / "board.yaml")), self.catalog)
            name = storyboard.slug(resolved.loaded.board.title)
            async with quick_session(self.settings, catalog=self.catalog, film=name, budget=None) as session:
                outcomes = await shoot(session, resolved, **how)
                assert not [(o.shot.id, o.state, o.error) for o in outcomes if o.take is None]
                made = film.join(resolved, outcomes, store=session.store, film=name, state=session.ledger.read())
            return {o.shot.id: o for o in outcomes}, made

        return asyncio.run(work())

    def repaint(self) -> None:
        """Give the reference other bytes."""
        picture(self.folder / "keeper.png", 200)

    def plan(self, **how):
        resolved = request.resolve(storyboard.draft(str(self.folder / "board.yaml")), self.catalog)
        name = storyboard.slug(resolved.loaded.board.title)
        store = stores.of(self.settings)
        return plans.make(resolved, catalog=self.catalog, store=store, settings=self.settings, film=name, **how)

    def debits(self) -> list[int]:
        """Every debit in the provider's books, credits; no edit makes it refund anything."""
        entries = self.provider.books()["entries"]
        assert {entry["kind"] for entry in entries} <= {"debit"}
        return [entry["credits"] for entry in entries]


@pytest.fixture(scope="session")
def stage(tmp_path_factory):
    root = tmp_path_factory.mktemp("edits")
    catalog = small_catalog(root / "small.json", "seedance-2.5", "seedance-2.5-fast")
    with running_emulator(root / "shown", key="key", processing=0, balance=1_000_000, catalog=catalog) as place:
        settings = Settings(api_key="key", base_url=place.base_url, catalog=catalog, longest_wait=120)
        base = at(Scene(root, settings, place, Catalog.load(catalog)), root / "base", place.store_url)
        base.folder.mkdir()
        (base.folder / "board.yaml").write_text(board())
        picture(base.folder / "keeper.png", 40)
        base.run()
        yield base, place.store_url, itertools.count(1)


def at(scene: Scene, folder: Path, url: str) -> Scene:
    """The scene in another folder, whose store is what the emulator shows to its provider from now on."""
    shown = folder.parent / "shown"
    shown.unlink(missing_ok=True)
    shown.symlink_to(folder / "store")
    places = {"store": str(folder / "store"), "public_url": url}
    return replace(scene, folder=folder, settings=scene.settings.model_copy(update=places))


@pytest.fixture
def scene(stage):
    """A copy of the whole film."""
    base, url, numbers = stage
    folder = base.folder.parent / f"copy-{next(numbers)}"
    shutil.copytree(base.folder, folder)
    yield at(base, folder, url)
    shutil.rmtree(folder)
