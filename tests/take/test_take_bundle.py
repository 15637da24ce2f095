"""A storyboard with its files, packed on one machine and unpacked on another that shares only the store."""

from __future__ import annotations

import asyncio
import shutil

import pytest
from pictures import png
from shooting import shoot

from longtake import request, storyboard
from longtake import store as stores
from longtake.errors import MediaError, StoreError
from longtake.take import pack, unpack

BOARD = """
schema: longtake/1
title: A Film
model: seedance-2.5
defaults: {resolution: 480p, size: "16:9", duration: 4}
references: {keeper: refs/keeper.png}
scenes:
  - id: one
    shots:
      - {id: pier, prompt: "@keeper on a pier", references: [keeper]}
      - {id: boat, prompt: "A boat", first_frame: ../sea.png, continue_from: null}
"""


@pytest.fixture
def here(tmp_path):
    """A folder with a storyboard whose files lie beside and above it."""
    folder = tmp_path / "here" / "boards"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "keeper.png").write_bytes(png(90))
    (folder.parent / "sea.png").write_bytes(png(160))
    (folder / "two.yaml").write_text(BOARD)
    return folder


def packed(account, folder):
    resolved = request.resolve(storyboard.draft(str(folder / "two.yaml")), account.catalog)

    async def work():
        async with account.session() as session:
            return await pack(session.assets, resolved)

    return resolved, asyncio.run(work())


def test_what_is_unpacked_elsewhere_asks_for_the_same_takes(open_account, here, tmp_path):
    account = open_account()
    resolved, key = packed(account, here)
    shutil.rmtree(here.parent)
    loaded = unpack(account.store, key, tmp_path)
    again = request.resolve(loaded, account.catalog)
    assert loaded.board == resolved.loaded.board
    assert [[(i.role, i.sha256) for i in shot.inputs] for shot in again.shots] == [
        [(i.role, i.sha256) for i in shot.inputs] for shot in resolved.shots
    ]

    async def film():
        async with account.session() as session:
            return await shoot(session, again)

    assert [one.state for one in asyncio.run(film())] == ["bought", "bought"]


def test_the_same_bundle_has_one_key(open_account, here):
    account = open_account()
    first, second = packed(account, here)[1], packed(account, here)[1]
    assert first == second
    (here / "refs" / "keeper.png").write_bytes(png(91))
    assert packed(account, here)[1] != first
    assert len(list(account.store.list("boards/"))) == 2


def test_a_bundle_from_a_bucket_is_fetched(open_account, here, bucket, tmp_path):
    account = open_account()
    _, key = packed(account, here)
    there = stores.open(f"s3://{bucket}/films")
    for name in account.store.list(""):
        if name.startswith(("boards/", "media/")):
            there.put_if_absent(name, account.store.get(name))
    loaded = unpack(there, key, tmp_path)
    assert {path.read_bytes() for path in loaded.files.values()} == {png(90), png(160)}


def test_a_file_that_changed_since_it_was_read_is_refused(open_account, here):
    account = open_account()
    resolved = request.resolve(storyboard.draft(str(here / "two.yaml")), account.catalog)
    (here / "refs" / "keeper.png").write_bytes(png(10))

    async def work():
        async with account.session() as session:
            await pack(session.assets, resolved)

    with pytest.raises(MediaError):
        asyncio.run(work())


@pytest.mark.parametrize(
    "key", ["boards/none.json", "ledger/x/1.json", f"boards/{'0' * 64}.json", "../x", "takes/a.json"]
)
def test_what_is_no_bundle_is_named(open_account, tmp_path, key):
    with pytest.raises(StoreError, match="is not a storyboard"):
        unpack(open_account().store, key, tmp_path)


def test_a_bundle_that_was_changed_is_refused(open_account, here, tmp_path):
    account = open_account()
    _, key = packed(account, here)
    (account.folder / key).write_bytes((account.folder / key).read_bytes() + b" ")
    with pytest.raises(StoreError, match="is not a storyboard"):
        unpack(account.store, key, tmp_path)
