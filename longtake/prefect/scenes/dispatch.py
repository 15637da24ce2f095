"""Dispatch a film's scenes to a deployment, and wait until their runs have ended.

The results of a scene's run are in the store and the ledger, so its reports need not be trusted: the film is compared again
afterwards. A silent run is rescheduled; if its process is still alive, the ledger makes both share each take.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
from prefect import get_run_logger
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId, FlowRunFilterTags
from prefect.deployments import arun_deployment
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelled, Cancelling

from longtake import plan as plans
from longtake.errors import SceneError, SettingsError
from longtake.prefect import artifacts, tracing
from longtake.prefect.approver import patiently
from longtake.prefect.parameters import reference
from longtake.prefect.scenes.watch import UNBEGUN, SceneRun, ScenesProgress, look
from longtake.take import pack

if TYPE_CHECKING:
    from uuid import UUID

    from prefect.blocks.core import Block
    from prefect.client.orchestration import PrefectClient
    from prefect.client.schemas.objects import FlowRun, State

    from longtake.plan import Comparison
    from longtake.request import Resolved
    from longtake.storyboard import Downstream
    from longtake.take import Session


LOOK_AGAIN = 3.0
"""Seconds between two requests for the runs."""
_COUNT = 5
"""Requests for the runs per look at the ledger, which costs the store a request."""
_PAGE = 200
"""Runs per request to the API."""


def groups(resolved: Resolved, wanted: set[str]) -> list[tuple[str, tuple[str, ...]]]:
    """Group the scenes that hold these shots, with their shots by name; scenes that share a chain form one group."""
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


async def check_deployment(deployment: str, advice: str) -> None:
    """Check that a deployment is there.

    Raises:
        SettingsError: it is not; `advice` is the next step.
    """

    async def read() -> None:
        async with get_client() as client:
            await client.read_deployment_by_name(deployment)

    try:
        await patiently(read)
    except ObjectNotFound:
        raise SettingsError(f"there is no deployment {deployment}", next_step=advice) from None


@dataclass(frozen=True)
class Dispatcher:
    """Dispatches the scenes with missing takes to a deployment, and waits for their runs.

    Attributes:
        deployment: `scene/NAME`.
        credentials: a reference to the block that the scenes load; None for their worker's environment.
        store: likewise.
        steps: the user's own steps.
        progress: shows how many scenes have ended.
    """

    deployment: str
    credentials: dict[str, Any] | None
    store: dict[str, Any] | None
    steps: tuple[str, ...]
    progress: artifacts.ProgressArtifact

    @classmethod
    async def checked(
        cls,
        deployment: str,
        credentials: Block | None,
        store: Block | None,
        steps: tuple[str, ...],
        progress: artifacts.ProgressArtifact,
    ) -> Dispatcher:
        """Check that scenes can be dispatched, before anything else is done.

        Raises:
            SettingsError: there is no such deployment, or a block was never saved.
        """
        found = cls(deployment, reference(credentials), reference(store), steps, progress)
        await check_deployment(
            deployment,
            "deploy the flow `scene` (`longtake deploy`), or leave `scenes` out to make everything in this run",
        )
        return found

    async def __call__(
        self, session: Session, comparison: Comparison, downstream: Downstream | None
    ) -> SceneError | None:
        """Dispatch the scenes and wait for their runs.

        Returns:
            An error that names the runs that did not complete; None if all did.

        Raises:
            StoreError, MediaError: the storyboard and its files cannot be put into the store.
        """
        wanted = {name for name, one in plans.statuses(comparison).items() if one.lacks}
        if not wanted:
            return None
        made = ScenesProgress(session, wanted)
        await made.look()
        board = await pack(session.assets, comparison.resolved)
        title, dispatched, failed = comparison.resolved.loaded.board.title, list[SceneRun](), list[str]()
        deployment = self.deployment
        try:
            for name, shots in groups(comparison.resolved, wanted):
                given = {
                    "board": board,
                    "shots": list(shots),
                    "run": session.run,
                    "credentials": self.credentials,
                    "store": self.store,
                    "downstream": downstream,
                    "film_budget": session.spending.budget.film,
                    "run_budget": session.spending.budget.run,
                    "steps": list(self.steps) or None,
                    "labels": dict(session.spending.tag.labels) or None,
                }
                run = await start(session, deployment, f"film {title} · {name}", given)
                dispatched.append(SceneRun(name, len(shots), run, stale=run.state is not None and run.state.is_final()))
            get_run_logger().info("%d scenes are dispatched to %s", len(dispatched), deployment)
            async with get_client() as client:
                # Before a restart this run may have dispatched scenes with other parameters.
                await _cancel(client, session.run, but={one.run.id for one in dispatched})
                await _wait(client, dispatched, failed, self.progress, made)
        except (httpx.HTTPStatusError, ObjectNotFound) as error:
            status = (
                f"answered {error.response.status_code}"
                if isinstance(error, httpx.HTTPStatusError)
                else "returned 404 for it"
            )
            failed.append(f"dispatching to {deployment}: the Prefect API {status}")
            await _cancel_all(session.run)
        except BaseException:
            await _cancel_all(session.run)
            raise
        return SceneError("; ".join(failed), scenes=tuple(failed)) if failed else None


async def start(session: Session, deployment: str, name: str, given: dict[str, Any]) -> FlowRun:
    """Start a run of the deployment, or return the run that an earlier execution started with the same parameters."""
    # Leave out empty values, so that the deployment's defaults apply.
    parameters = {key: value for key, value in given.items() if value is not None}
    asked_for = hashlib.sha256(json.dumps(parameters, sort_keys=True).encode()).hexdigest()[:16]
    run = await patiently(
        lambda: arun_deployment(
            deployment,
            parameters=parameters,
            flow_run_name=name,
            timeout=0,
            tags=[f"film:{session.film}", _tag(session.run)],
            idempotency_key=f"{session.run}-{asked_for}",
        )
    )
    await tracing.hand_on(run)
    return run


def _tag(run: str) -> str:
    return f"dispatched-by:{run}"


async def _wait(
    client: PrefectClient,
    dispatched: list[SceneRun],
    failed: list[str],
    progress: artifacts.ProgressArtifact,
    made: ScenesProgress,
) -> None:
    """Watch the runs until all have ended, and reschedule lost ones."""
    log = get_run_logger()
    open_ones, began, warned, before = list(dispatched), time.monotonic(), False, progress.done
    for looks in itertools.count(1):
        if not open_ones:
            return
        await asyncio.sleep(LOOK_AGAIN)
        away = time.monotonic()
        runs = await patiently(lambda: read_runs(client, [one.run.id for one in open_ones]))
        if time.monotonic() - away > LOOK_AGAIN:
            # Do not count API downtime as silence of the runs.
            for one in open_ones:
                one.since = time.monotonic()
        for one in list(open_ones):
            found = runs.get(one.run.id)
            ended = "it was deleted" if found is None else await patiently(lambda: look(client, one, found))  # noqa: B023
            if ended is not None:
                open_ones.remove(one)
                log.info("scene %s: %s", one.name, ended or "completed")
                failed += [f"the run of {one.name}: {ended}"] if ended else []
        if looks % _COUNT == 0:
            await made.look()
        over = sum(one.shots for one in dispatched) - sum(one.shots for one in open_ones)
        progress.done = min(before + max(over, made.shots), progress.takes)
        progress.note = (
            f"{progress.done} of {progress.takes} shots, {made.under_way} takes under way, "
            f"{len(dispatched) - len(open_ones)} of {len(dispatched)} scenes have ended"
        )
        late = all(one.run.state is not None and one.run.state.is_scheduled() for one in dispatched)
        if late and not warned and time.monotonic() - began > UNBEGUN:
            warned = True
            log.warning(
                "no worker has taken a scene yet: their pool needs a worker with free slots, in addition to those of the films"
            )


async def read_runs(client: PrefectClient, ids: list[UUID]) -> dict[UUID, FlowRun]:
    """Return the runs that still exist, by id."""
    found: dict[UUID, FlowRun] = {}
    for start in range(0, len(ids), _PAGE):
        wanted = FlowRunFilter(id=FlowRunFilterId(any_=ids[start : start + _PAGE]))
        found |= {run.id: run for run in await client.read_flow_runs(flow_run_filter=wanted, limit=_PAGE)}
    return found


async def _cancel_all(run: str) -> None:
    async def work() -> None:
        async with get_client() as client:
            await _cancel(client, run, but=set())

    await artifacts.harmless(work())


async def _cancel(client: PrefectClient, run: str, *, but: set[UUID]) -> None:
    """Cancel the unfinished runs that a run dispatched; a failure to cancel one does not affect the others."""
    tagged = FlowRunFilter(tags=FlowRunFilterTags(all_=[_tag(run)]))
    offset = 0
    while found := await client.read_flow_runs(flow_run_filter=tagged, limit=_PAGE, offset=offset):
        offset += len(found)
        left = [one for one in found if one.id not in but and one.state is not None and not one.state.is_final()]
        calls = [client.set_flow_run_state(one.id, cancelled(one)) for one in left]
        await asyncio.gather(*calls, return_exceptions=True)


def cancelled(run: FlowRun) -> State[Any]:
    """The state that stops a running scene, or keeps a scheduled one from starting."""
    return Cancelled() if run.state is not None and run.state.is_scheduled() else Cancelling()
