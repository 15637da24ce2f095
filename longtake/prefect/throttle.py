"""When task runs may start: no faster than a Prefect server takes them in.

A default server spends 43 ms of CPU on a task run and holds 10,000 events of those it has not come to, three for each task run.
5,000 task runs started at once left 4,644 of them Running forever (measured with Prefect 3.9.1 on SQLite, November 2026). So a
process starts `BURST` of them as quickly as it likes, which is a film of 250 shots, and then no more than `PER_SECOND` a second.

It is the start of a step that waits, before there is a task run, and so never what happens between a claim in the ledger and
the outcome of its POST.
"""

from __future__ import annotations

from longtake.provider.token_bucket import TokenBucket

__all__ = ["BURST", "PER_SECOND", "turn"]

BURST = 1000
"""Task runs, a third of what the server's queue holds: two more processes may begin as quickly at the same moment."""
PER_SECOND = 20.0
"""A default server is busy all the time with 23 (43 ms each)."""

_bucket = TokenBucket(BURST, PER_SECOND)


async def turn() -> None:
    """Wait until this process may start one more task run."""
    await _bucket.turn()
