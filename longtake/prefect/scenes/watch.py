"""Watch dispatched runs: whether one goes on, has ended, or is lost and rescheduled; and what all have made so far."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from prefect import get_run_logger
from prefect.exceptions import ObjectNotFound
from prefect.states import Scheduled

from longtake.errors import LongtakeError
from longtake.prefect.scenes.heartbeat import ALIVE, BEAT

if TYPE_CHECKING:
    from collections.abc import Collection

    from prefect.client.orchestration import PrefectClient
    from prefect.client.schemas.objects import FlowRun

    from longtake.take import Session

_SILENT = 4 * BEAT
"""Seconds without a heartbeat after which a started run counts as lost."""
_SETTLE = 25.0
"""Seconds to wait after a crash: a worker's runner and the worker itself both report it, the later one some seconds after."""
_TRIES = 5
"""How often one run is rescheduled."""
UNBEGUN = 180.0
"""Seconds after which a run that a worker has taken and not begun counts as lost: images may have to be pulled."""
_LONGEST_MESSAGE = 2000


@dataclass
class SceneRun:
    """One run of the flow `scene`, or of the flow `film` with all of its scenes."""

    name: str
    shots: int
    run: FlowRun
    stale: bool
    """It ended before the dispatching run restarted, and the film still lacks some of its shots."""
    tries: int = 0
    seen: str = ""
    """The last sign of life or state."""
    since: float = field(default_factory=time.monotonic)
    """When it was first seen here."""

    def sign(self, seen: str) -> float:
        """Seconds since something new was seen."""
        if seen != self.seen:
            self.seen, self.since = seen, time.monotonic()
        return time.monotonic() - self.since


async def look(client: PrefectClient, one: SceneRun, found: FlowRun) -> str | None:
    """None while a run goes on, "" once it completed, else why nothing more comes of it. A lost run is scheduled again."""
    one.run = found
    try:
        if one.stale:
            await _put_back(client, one, "the film asks for it again")
            return None
        lost = await _lost(client, one)
        if lost is None:
            return _ended(one)
        if one.tries >= _TRIES:
            return f"it was lost {one.tries + 1} times ({lost})"
        get_run_logger().warning("%s: %s; another worker may take it now", one.run.name, lost)
        await _put_back(client, one, lost)
    except ObjectNotFound:
        return "it was deleted"
    return None


def _ended(one: SceneRun) -> str | None:
    state = one.run.state
    if state is not None and state.is_cancelling() and time.monotonic() - one.since > UNBEGUN:
        return "it is being cancelled, but its worker is gone"
    if state is None or not state.is_final() or state.is_crashed():
        return None
    return "" if state.is_completed() else f"{state.name}, {(state.message or '')[:_LONGEST_MESSAGE]}"


async def _lost(client: PrefectClient, one: SceneRun) -> str | None:
    """Say why a run counts as lost; None while it does not."""
    state = one.run.state
    name = state.name if state is not None else "unknown"
    stamp = f"{name} {state.timestamp if state is not None else ''}"
    silent = one.sign(stamp) if state is None or not state.is_running() else 0.0
    if state is not None and state.is_crashed():
        return "it crashed" if silent > _SETTLE else None
    if name in {"Pending", "Submitting"}:
        return "a worker took it and never began it" if silent > UNBEGUN else None
    if state is None or not state.is_running():
        return None
    if one.seen.startswith(stamp) and time.monotonic() - one.since < _SILENT / 2:
        return None
    answer = await client.request(
        "POST",
        "/events/filter",
        json={
            "filter": {"event": {"name": [ALIVE]}, "resource": {"id": [f"prefect.flow-run.{one.run.id}"]}},
            "limit": 1,
        },
    )
    last: list[dict[str, Any]] = answer.json()["events"]
    silent = one.sign(f"{stamp} {last[0]['id'] if last else ''}")
    return f"no sign of life for {silent:.0f} s" if silent > _SILENT else None


async def _put_back(client: PrefectClient, one: SceneRun, why: str) -> None:
    await client.set_flow_run_state(one.run.id, Scheduled(message=why), force=True)
    one.tries += not one.stale
    one.stale = False
    one.run = await client.read_flow_run(one.run.id)
    one.sign(f"put back {one.tries}")


class ScenesProgress:
    """Counts the takes that dispatched runs have made, by the ledger; for the progress bar only."""

    def __init__(self, session: Session, wanted: Collection[str]) -> None:
        self.under_way = 0
        """Takes of the film that are being generated."""
        self._session, self._wanted = session, wanted
        self._head: int | None = None
        self._before: set[str] = set()
        self._shots: set[str] = set()

    @property
    def shots(self) -> int:
        """Shots that were wanted and for which a take was kept since the first look."""
        return len(self._shots)

    async def look(self) -> None:
        """Read the ledger; if it is unreachable, nothing changes."""
        with contextlib.suppress(LongtakeError):
            await asyncio.to_thread(self._look)

    def _look(self) -> None:
        ledger, film = self._session.ledger, self._session.film
        state = ledger.read()
        since = state.head if self._head is None else self._head
        # As far as checkpoints allow: some of it was there before, or at the last look.
        closed = [one for one in ledger.log.history(since=since, until=state.head) if one.order.film == film]
        if self._head is None:
            self._before = {one.id for one in closed}
        kept = {one.order.shot for one in closed if one.outcome == "settled" and one.id not in self._before}
        self._shots |= kept.intersection(self._wanted)
        self.under_way = sum(a.order.film == film and a.phase == "accepted" for a in state.attempts.values())
        self._head = state.head
