"""A race of writers for one object: whether a store creates conditionally and atomically, as a ledger needs."""

from __future__ import annotations

import contextlib
import secrets
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from longtake.errors import StoreError

if TYPE_CHECKING:
    from longtake.store.protocol import Store


@dataclass(frozen=True)
class Race:
    """What became of some races. Not atomic is proof, atomic only evidence: more rounds make it stronger.

    Attributes:
        writers: threads that raced in each.
        winners: how many of them got the answer that they created the object, for each race.
        kept: whether the winner's bytes were there afterwards, and a late writer got the answer that it exists.
    """

    writers: int
    winners: tuple[int, ...]
    kept: bool

    @property
    def atomic(self) -> bool:
        """Whether each race had exactly one winner, whose object stayed."""
        return self.kept and set(self.winners) == {1}

    def __str__(self) -> str:
        if self.atomic:
            return f"{len(self.winners)} races of {self.writers} writers for one object had one winner each"
        if self.winners[-1] != 1:
            return f"of {self.writers} writers who raced for one object {self.winners[-1]} got the answer that they created it"
        return f"of {self.writers} writers who raced for one object one won, and its object was overwritten"


def check_conditional(store: Store) -> Race:
    """Race for the store, and give the evidence.

    Raises:
        StoreError: several writers may create the same object there, or it did not answer, so nothing is known.
    """
    found = race(store)
    if not found.atomic:
        raise StoreError(
            f"{store.uri} cannot carry a ledger, two runs could buy the same take: {found}",
            next_step="use a store that honors conditional writes (If-None-Match): AWS S3, Cloudflare R2, MinIO, a local folder",
            key="ledger/",
        )
    return found


def race(store: Store, *, writers: int = 24, rounds: int = 3) -> Race:
    """Race ``writers`` threads for one new key, ``rounds`` times or until a race is lost.

    Some S3 servers ignore ``If-None-Match`` silently and some check it without holding the key meanwhile,
    so a bucket is asked before a ledger trusts it. The small objects under ``probe/`` are deleted where that is allowed.

    Raises:
        StoreError: the store did not answer, so nothing is known.
    """
    run, winners, kept = secrets.token_hex(8), list[int](), True
    keys = [f"probe/{run}-{number}.json" for number in range(rounds)]
    try:
        with ThreadPoolExecutor(max_workers=writers, thread_name_prefix="longtake-probe") as pool:
            for key in keys:
                won, kept = _race(store, pool, key, writers)
                winners.append(won)
                if won != 1 or not kept:
                    break
    finally:
        with contextlib.suppress(StoreError):
            store.delete(keys)
    return Race(writers, tuple(winners), kept)


def _race(store: Store, pool: ThreadPoolExecutor, key: str, writers: int) -> tuple[int, bool]:
    line = threading.Barrier(writers)
    bodies = [f'{{"writer": "{secrets.token_hex(16)}"}}'.encode() for _ in range(writers)]

    def write(body: bytes) -> bool:
        line.wait()
        return store.put_if_absent(key, body)

    runs = [pool.submit(write, body) for body in bodies]
    won = [body for body, run in zip(bodies, runs, strict=True) if run.result()]
    # The winner's bytes must also be the ones that stayed.
    return len(won), store.get(key) in won and not store.put_if_absent(key, b"{}")
