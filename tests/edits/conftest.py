"""A film of three scenes of ten shots, made once; every edit starts from a copy of its store."""

from __future__ import annotations

import itertools
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from accounts import Account, opening
from emulators import small_catalog
from pictures import png

from longtake import Studio

if TYPE_CHECKING:
    from pathlib import Path

HEAD = """schema: longtake/1
title: Edit Me
model: seedance-2.5
defaults: {resolution: 480p, size: "16:9", duration: 1, generate_audio: false}
references: {keeper: keeper.png}
scenes:
"""
STORE, BOARD, PICTURE = "store", "board.yaml", "keeper.png"


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


@dataclass(frozen=True)
class EditedFilm:
    """A storyboard next to its picture and its store, and the account that pays for it."""

    folder: Path
    account: Account

    @property
    def board(self) -> Path:
        return self.folder / BOARD

    @property
    def studio(self) -> Studio:
        """Its store is what the provider reads from now on."""
        store = self.folder / STORE
        store.mkdir(exist_ok=True)
        self.account.folder.unlink(missing_ok=True)
        self.account.folder.symlink_to(store)
        return Studio(store=store, settings=self.account.settings)

    def edit(self, old: str, new: str) -> None:
        text = self.board.read_text()
        assert old in text, old
        self.board.write_text(text.replace(old, new))

    def repaint(self) -> None:
        """Give the reference other bytes."""
        (self.folder / PICTURE).write_bytes(png((200, 80, 120)))

    def debits(self) -> list[int]:
        """Every debit in the provider's books, credits; no edit makes it refund anything."""
        entries = self.account.books()["entries"]
        assert {entry["kind"] for entry in entries} <= {"debit"}
        return [entry["credits"] for entry in entries]


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """The whole film, and numbers for its copies."""
    root = tmp_path_factory.mktemp("edits")
    catalog = small_catalog(root / "small.json", "seedance-2.5", "seedance-2.5-fast")
    with opening(root) as open_account:
        account = open_account(catalog=catalog, balance=1_000_000)
        account.folder.rmdir()
        film = EditedFilm(root / "whole", account)
        film.folder.mkdir()
        film.board.write_text(board())
        (film.folder / PICTURE).write_bytes(png((40, 80, 120)))
        film.studio.make_sync(film.board)
        yield film, itertools.count(1)


@pytest.fixture
def film(made):
    """A copy of the whole film."""
    whole, numbers = made
    copied = EditedFilm(whole.folder.with_name(f"copy-{next(numbers)}"), whole.account)
    shutil.copytree(whole.folder, copied.folder)
    yield copied
    shutil.rmtree(copied.folder)
