"""Facts about inputs given as URLs, recorded when a run last read them, for plans without the network.

Under ``inputs/<digest of the URL>/`` lies one small object for each change, named so that the newest is the first in a listing. The
URL itself is not kept: it may be signed.
"""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from longtake.store import Store

_ALL = "inputs/"
_NINES = 10**11 - 1


def remembered(store: Store, url: str) -> str | None:
    """The sha256 of what the URL served when it was last read; None when it never was.

    Raises:
        StoreError: the store is away.
    """
    key = next(store.list(_folder(url), limit=1), None)
    return None if key is None else key.rpartition("-")[2].removesuffix(".json")


def all_remembered(store: Store) -> Callable[[str], str | None]:
    """`remembered` for many URLs: all that the store remembers is listed once, 1,000 changes a request.

    Raises:
        StoreError: the store is away.
    """
    newest: dict[str, str] = {}
    for key in store.list(_ALL):
        folder, _, name = key.rpartition("/")
        newest.setdefault(f"{folder}/", name.rpartition("-")[2].removesuffix(".json"))
    return lambda url: newest.get(_folder(url))


def remember(store: Store, url: str, digest: str) -> None:
    """Keep what the URL serves now, if that is news.

    Raises:
        StoreError: the store is away.
    """
    if remembered(store, url) != digest:
        store.put_if_absent(f"{_folder(url)}{_NINES - int(time.time()):011d}-{digest}.json", b"{}\n")


def _folder(url: str) -> str:
    return f"{_ALL}{hashlib.sha256(url.encode()).hexdigest()[:32]}/"
