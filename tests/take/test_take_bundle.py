"""A storyboard with its files, packed on one machine and unpacked on another that shares only the store."""

from __future__ import annotations

import asyncio
import shutil
import struct
import zlib

import pytest
from shooting import shoot

from longtake import request, storyboard
from longtake import store as stores
from longtake.errors import MediaError, StoreError
from longtake.take import pack, unpack

BOARD = """
schema: longtake/1
title: Two Takes
model: seedance-2.5
defaults: {resolution: 480p, size: "16:9", duration: 4}
references: {keeper: refs/keeper.png}
scenes:
  - id: one
    shots:
      - {id: pier, prompt: "@keeper on a pier", references: [keeper]}
      - {id: boat, prompt: "A boat", first_frame: ../sea.png, continue_from: null}
"""


def png(shade, width=64, height=36):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = zlib.compress((b"\0" + bytes([shade]) * width) * height)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


@pytest.fixture
def here(tmp_path):
    """A folder with a storyboard whose files lie beside and above it."""
    folder = tmp_path / "here" / "boards"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "keeper.png").write_bytes(png(90))
    (folder.parent / "sea.png").write_bytes(png(160))
    (folder / "two.yaml").write_text(BOARD)
    return folder


def packed(studio, folder):
    resolved = request.resolve(storyboard.draft(str(folder / "two.yaml")), studio.catalog)

    async def work():
        async with studio.session() as session:
            return await pack(session.assets, resolved)

    return resolved, asyncio.run(work())


def test_what_is_unpacked_elsewhere_asks_for_the_same_takes(make_studio, here, tmp_path):
    studio = make_studio()
    resolved, key = packed(studio, here)
    shutil.rmtree(here.parent)
    loaded = unpack(studio.store, key, tmp_path)
    again = request.resolve(loaded, studio.catalog)
    assert loaded.board == resolved.loaded.board
    assert [[(i.role, i.sha256) for i in shot.inputs] for shot in again.shots] == [
        [(i.role, i.sha256) for i in shot.inputs] for shot in resolved.shots
    ]

    async def film():
        async with studio.session() as session:
            return await shoot(session, again)

    assert [one.state for one in asyncio.run(film())] == ["bought", "bought"]


def test_the_same_bundle_has_one_key(make_studio, here):
    studio = make_studio()
    first, second = packed(studio, here)[1], packed(studio, here)[1]
    assert first == second
    (here / "refs" / "keeper.png").write_bytes(png(91))
    assert packed(studio, here)[1] != first
    assert len(list(studio.store.list("boards/"))) == 2


def test_a_bundle_from_a_bucket_is_fetched(make_studio, here, bucket, tmp_path):
    studio = make_studio()
    _, key = packed(studio, here)
    there = stores.open(f"s3://{bucket}/films")
    for name in studio.store.list(""):
        if name.startswith(("boards/", "media/")):
            there.put_if_absent(name, studio.store.get(name))
    loaded = unpack(there, key, tmp_path)
    assert {path.read_bytes() for path in loaded.files.values()} == {png(90), png(160)}


def test_a_file_that_changed_since_it_was_read_is_refused(make_studio, here):
    studio = make_studio()
    resolved = request.resolve(storyboard.draft(str(here / "two.yaml")), studio.catalog)
    (here / "refs" / "keeper.png").write_bytes(png(10))

    async def work():
        async with studio.session() as session:
            await pack(session.assets, resolved)

    with pytest.raises(MediaError):
        asyncio.run(work())


@pytest.mark.parametrize(
    "key", ["boards/none.json", "ledger/x/1.json", f"boards/{'0' * 64}.json", "../x", "takes/a.json"]
)
def test_what_is_no_bundle_is_named(make_studio, tmp_path, key):
    with pytest.raises(StoreError, match="is not a storyboard"):
        unpack(make_studio().store, key, tmp_path)


def test_a_bundle_that_was_changed_is_refused(make_studio, here, tmp_path):
    studio = make_studio()
    _, key = packed(studio, here)
    (studio.folder / key).write_bytes((studio.folder / key).read_bytes() + b" ")
    with pytest.raises(StoreError, match="is not a storyboard"):
        unpack(studio.store, key, tmp_path)
