"""Handing out: a film's scenes are given to a deployment, and the run waits until nothing more comes of them.

What a scene's run did lies in the store and in the ledger, so nothing here has to be believed: afterwards the film is compared
anew. A run that gives no sign of life is put back into the queue; should its process live after all, both share each take.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

import httpx
from prefect import get_run_logger
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.deployments import arun_deployment
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelling, Scheduled

from flows import showing
from flows.scene import ALIVE, BEAT, SceneRun
from longtake import plan as plans
from longtake.errors import SceneError, SettingsError
from longtake.take import pack

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient
    from prefect.client.schemas.objects import FlowRun

    from flows.form import FilmRun
    from longtake.plan import Comparison
    from longtake.request import Resolved
    from longtake.take import Session

__all__ = ["groups", "hand_out"]

_LOOK_AGAIN = 3.0
"""Seconds between two looks at the runs."""
_SILENT = 4 * BEAT
"""Seconds without a sign of life after which a run that began counts as lost."""
_UNBEGUN = 180.0
"""Seconds after which a run that a worker has taken and not begun counts as lost: images may have to be pulled."""
_SETTLE = 25.0
"""Seconds a crash is left alone: a worker's runner and the worker itself both report it, the later one some seconds after."""
_SERVER_ERRORS = 500
_TRIES = 5
"""How often one run is put back."""


@dataclass
class _Handed:
    """One run of the flow `scene`."""

    name: str
    run: FlowRun
    stale: bool
    """It ended in an earlier life of the run that hands out, and the film still lacks something of it."""
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


def groups(resolved: Resolved, wanted: set[str]) -> list[tuple[str, tuple[str, ...]]]:
    """The scenes that hold these shots, by name, with their shots; scenes that chains run across are one group."""
    scene_of = {shot.id: shot.scene for shot in resolved.shots}
    leader = {scene: scene for scene in scene_of.values()}

    def lead(scene: str) -> str:
        while leader[scene] != scene:
            scene = leader[scene]
        return scene

    order = list(dict.fromkeys(scene_of.values()))
    for chain in resolved.chains:
        first, *others = sorted({lead(scene_of[name]) for name in chain}, key=order.index)
        for other in others:
            leader[other] = first
    found: dict[str, list[str]] = {}
    for shot in resolved.shots:
        found.setdefault(lead(shot.scene), []).append(shot.id)
    return [(scene, tuple(shots)) for scene, shots in found.items() if wanted.intersection(shots)]


async def hand_out(
    session: Session, comparison: Comparison, asked: FilmRun, deployment: str, progress: showing.Progress
) -> SceneError | None:
    """Give the scenes that lack something to a deployment, and wait for all of their runs.

    Args:
        session: the run's.
        comparison: the storyboard against what is kept.
        asked: the form of the run.
        deployment: `scene/NAME`.
        progress: is told how many runs have ended.

    Returns:
        The error that says which runs did not complete, None when all did.

    Raises:
        SettingsError: there is no such deployment.
        StoreError, MediaError: the storyboard and its files cannot be put into the store.
    """
    standings = plans.standings(comparison)
    wanted = {name for name, one in standings.items() if one.lacks}
    if not wanted:
        return None
    board = await pack(session, comparison.resolved)
    handed: list[_Handed] = []
    failed: list[str] = []
    try:
        for name, shots in groups(comparison.resolved, wanted):
            given = SceneRun(
                board=board,
                shots=shots,
                run=session.run,
                credentials=asked.credentials,
                store=asked.store,
                follow=asked.follow,
                film_cap=None if session.caps.film is None else session.caps.film + session.elsewhere,
                run_cap=session.caps.run,
            )
            run = await _start(session, deployment, name, given, comparison.resolved.loaded.board.title)
            handed.append(_Handed(name, run, stale=run.state is not None and run.state.is_final()))
        get_run_logger().info("%d scenes are handed out to %s", len(handed), deployment)
        async with get_client() as client:
            await _wait(client, handed, failed, progress)
    except asyncio.CancelledError:
        await showing.harmless(_cancel([one for one in handed if not _ended(one)]))
        raise
    return SceneError("; ".join(failed), scenes=tuple(failed)) if failed else None


async def _start(session: Session, deployment: str, name: str, given: SceneRun, title: str) -> FlowRun:
    """A run of the deployment; the one that was started before where this run is replayed."""
    while True:
        try:
            return await arun_deployment(
                deployment,
                parameters={"scene": given.model_dump(mode="json")},
                flow_run_name=f"film {title} · {name}",
                timeout=0,
                tags=[f"film:{session.film}"],
                idempotency_key=f"{session.run}-{name}",
            )
        except ObjectNotFound:
            raise SettingsError(
                f"there is no deployment {deployment}",
                next_step="deploy the flow `scene` (`make deploy`), or leave `scenes` out to make everything in this run",
            ) from None
        except httpx.HTTPError as error:
            if isinstance(error, httpx.HTTPStatusError) and error.response.status_code < _SERVER_ERRORS:
                raise
            get_run_logger().warning("the Prefect API does not take a scene for now: %s", type(error).__name__)
            await asyncio.sleep(_LOOK_AGAIN)


async def _wait(client: PrefectClient, handed: list[_Handed], failed: list[str], progress: showing.Progress) -> None:
    """Look at the runs until all have ended, and put back those that are lost."""
    log = get_run_logger()
    open_ones = list(handed)
    while open_ones:
        await asyncio.sleep(_LOOK_AGAIN)
        try:
            wanted = FlowRunFilter(id=FlowRunFilterId(any_=[one.run.id for one in open_ones]))
            runs = {run.id: run for run in await client.read_flow_runs(flow_run_filter=wanted, limit=None)}
            for one in list(open_ones):
                one.run = runs.get(one.run.id, one.run)
                if one.stale:
                    await _put_back(client, one, "the film asks for it again")
                elif (lost := await _lost(client, one)) is not None:
                    if one.tries >= _TRIES:
                        failed.append(f"{one.name} was lost {one.tries + 1} times ({lost})")
                        open_ones.remove(one)
                    else:
                        log.warning("scene %s: %s; another worker may take it now", one.name, lost)
                        await _put_back(client, one, lost)
                elif _ended(one) and not _crashed(one):
                    open_ones.remove(one)
                    state = one.run.state
                    if state is not None and not state.is_completed():
                        failed.append(f"the run of {one.name} is {state.name}: {(state.message or '')[:2000]}")
                    log.info("scene %s: %s", one.name, (one.run.state_name or "").lower())
        except httpx.HTTPError as error:
            # Away: what was not seen is no silence.
            log.warning("the Prefect API does not answer for now: %s", type(error).__name__)
            for one in open_ones:
                one.since = time.monotonic()
        progress.note = f"{len(handed) - len(open_ones)} of {len(handed)} scenes have ended"


async def _lost(client: PrefectClient, one: _Handed) -> str | None:
    """Why a run counts as lost, None while it does not."""
    state = one.run.state
    name = state.name if state is not None else "unknown"
    stamp = f"{name} {state.timestamp if state is not None else ''}"
    if _crashed(one):
        return "it crashed" if one.sign(stamp) > _SETTLE else None
    if name in {"Pending", "Submitting"}:
        return "a worker took it and never began it" if one.sign(stamp) > _UNBEGUN else None
    if state is None or not state.is_running():
        one.sign(stamp)
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


async def _put_back(client: PrefectClient, one: _Handed, why: str) -> None:
    one.tries += not one.stale
    one.stale = False
    await client.set_flow_run_state(one.run.id, Scheduled(message=why), force=True)
    one.run = await client.read_flow_run(one.run.id)
    one.sign(f"put back {one.tries}")


async def _cancel(left: list[_Handed]) -> None:
    async with get_client() as client:
        for one in left:
            await client.set_flow_run_state(UUID(str(one.run.id)), Cancelling())


def _ended(one: _Handed) -> bool:
    return one.run.state is not None and one.run.state.is_final()


def _crashed(one: _Handed) -> bool:
    return one.run.state is not None and one.run.state.is_crashed()
