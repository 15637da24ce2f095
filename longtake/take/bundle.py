"""A storyboard and the files it names, kept in the store: what a run on another machine is given."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from typing import TYPE_CHECKING

from longtake import store as stores
from longtake import storyboard
from longtake.assets import objects
from longtake.errors import StoreError

if TYPE_CHECKING:
    from pathlib import Path

    from longtake.assets.assets import Assets
    from longtake.request import Input, Resolved
    from longtake.store import Store
    from longtake.storyboard import Loaded

_SCHEMA = "longtake-board/1"
_KEY = re.compile(r"boards/([0-9a-f]{64})\.json\Z")


async def pack(assets: Assets, resolved: Resolved) -> str:
    """Put a storyboard and its files into the store, and return the key of the bundle. The same bundle has one key.

    Raises:
        MediaError: a file changed since it was read.
        StoreError: the store is away.
    """
    loaded = resolved.loaded
    given: dict[Path, Input] = {
        item.source: item
        for item in [
            *(i for shot in resolved.shots for i in shot.inputs),
            *([resolved.music] if resolved.music else []),
        ]
        if not isinstance(item.source, str)
    }
    board = loaded.board
    pinned = [text for scene in board.scenes for shot in scene.shots for text in (shot.first_frame, shot.last_frame)]
    music = board.sound.music if board.sound is not None else None
    files: dict[str, str] = {}
    for written in dict.fromkeys([*board.references.values(), *pinned, music]):
        item = given.get(loaded.path(written)) if written is not None else None
        if written is not None and item is not None and item.sha256 is not None:
            files[written] = await objects.place(
                assets, loaded.path(written), digest=item.sha256, format=item.format, name=item.name
            )
    whole = {"schema": _SCHEMA, "name": loaded.name, "text": loaded.text, "files": files}
    data = json.dumps(whole, sort_keys=True).encode()
    key = f"boards/{hashlib.sha256(data).hexdigest()}.json"
    await asyncio.to_thread(assets.store.put_if_absent, key, data)
    return key


def unpack(store: Store, key: str, folder: Path) -> Loaded:
    """The storyboard of a bundle, with its files on this machine.

    Args:
        store: where the bundle lies.
        key: of the bundle.
        folder: where files are put that the store has not on this machine; they are needed as long as the storyboard is.

    Raises:
        StoreError: the bundle or a file of it is not there, or not what it was.
    """
    named = _KEY.match(key)
    data = store.get(key) if named is not None else None
    if named is None or data is None or hashlib.sha256(data).hexdigest() != named[1]:
        raise StoreError(
            f"{key[:100]} is not a storyboard that a run has put there",
            next_step="start the flow `storyboard`, which hands its scenes out itself",
            key=key[:100],
        )
    whole = json.loads(data)
    files = {written: stores.fetch(store, place, folder) for written, place in whole["files"].items()}
    return storyboard.draft_text(whole["text"], name=whole["name"], base=folder, files=files)
