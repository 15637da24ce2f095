"""The race probe: whether a store creates conditionally and atomically, as a ledger needs."""

from __future__ import annotations

import secrets
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from longtake.store.protocol import Store

__all__ = ["probe_conditional"]


def probe_conditional(store: Store, *, writers: int = 24, rounds: int = 3) -> bool:
    """Race ``writers`` threads for one new key, ``rounds`` times: True when each race had exactly one winner.

    Some S3 servers ignore ``If-None-Match`` silently and some check it without holding the key meanwhile (FINDINGS §3),
    so a bucket is asked before a ledger trusts it. Each round leaves one small object under ``probe/``: a store deletes
    nothing. A False is proof, a True only evidence: more rounds make it stronger.

    Raises:
        StoreError: the store did not answer, so nothing is known.
    """
    run = secrets.token_hex(8)
    with ThreadPoolExecutor(max_workers=writers, thread_name_prefix="longtake-probe") as pool:
        return all(_race(store, pool, f"probe/{run}-{number}.json", writers) for number in range(rounds))


def _race(store: Store, pool: ThreadPoolExecutor, key: str, writers: int) -> bool:
    line = threading.Barrier(writers)
    bodies = [f'{{"writer": "{secrets.token_hex(16)}"}}'.encode() for _ in range(writers)]

    def write(body: bytes) -> bool:
        line.wait()
        return store.put_if_absent(key, body)

    runs = [pool.submit(write, body) for body in bodies]
    won = [body for body, run in zip(bodies, runs, strict=True) if run.result()]
    # The winner's bytes must also be the ones that stayed.
    return len(won) == 1 and store.get(key) == won[0] and not store.put_if_absent(key, b"{}")
