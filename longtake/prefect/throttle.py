"""Start task runs no faster than a Prefect server can record them.

A default server spends 43 ms of CPU on a task run and queues 10,000 events, three for each task run.
5,000 task runs started at once left 4,644 of them Running forever (measured with Prefect 3.9.1 on SQLite, November 2026). So a
process starts `BURST` of them at once, enough for a film of 250 shots, and then at most `PER_SECOND` a second.

Only the start of a step waits, before its task run exists, and never anything between a claim in the ledger and the outcome of
its POST.
"""

from __future__ import annotations

from longtake.provider.token_bucket import TokenBucket

BURST = 1000
"""Task runs, a third of what the server's queue holds: two more processes may begin as quickly at the same moment."""
PER_SECOND = 20.0
"""23 (43 ms each) keep a default server busy all the time."""

TURNS = TokenBucket(BURST, PER_SECOND)


async def turn() -> None:
    """Wait until this process may start one more task run."""
    await TURNS.turn()
