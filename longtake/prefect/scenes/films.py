"""Dispatch films of a set to a deployment: a run for each film, and one watch over all of them.

As with scenes, what a run did lies in the store and in the ledger: the set compares the film again and believes nothing else.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httpx
from prefect import get_run_logger
from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound

from longtake.errors import SceneError
from longtake.prefect import artifacts
from longtake.prefect.approver import patiently
from longtake.prefect.parameters import reference
from longtake.prefect.scenes.dispatch import LOOK_AGAIN, cancelled, check_deployment, read_runs, start
from longtake.prefect.scenes.watch import SceneRun, look
from longtake.take import pack

if TYPE_CHECKING:
    from uuid import UUID

    from prefect.blocks.core import Block

    from longtake.plan import Comparison
    from longtake.storyboard import Downstream
    from longtake.take import Session


class FilmDispatcher:
    """Gives each film that lacks something to a deployment of the flow `film`, and waits for its run.

    Args:
        deployment: `film/NAME`.
        credentials: the block's reference, as the films get it; None for their own environment.
        store: likewise.
        steps: the user's own steps.
    """

    def __init__(
        self,
        deployment: str,
        credentials: dict[str, Any] | None,
        store: dict[str, Any] | None,
        steps: tuple[str, ...],
    ) -> None:
        self._deployment = deployment
        self._given = {"credentials": credentials, "store": store, "steps": list(steps) or None}
        self._open: dict[UUID, tuple[SceneRun, asyncio.Future[str]]] = {}
        self._watch: asyncio.Task[None] | None = None

    @classmethod
    async def checked(
        cls, deployment: str, credentials: Block | None, store: Block | None, steps: tuple[str, ...]
    ) -> FilmDispatcher:
        """See that films can be dispatched, before anything else is done.

        Raises:
            SettingsError: there is no such deployment, or a block was never saved.
        """
        found = cls(deployment, reference(credentials), reference(store), steps)
        await check_deployment(
            deployment, "deploy the flow `film` (`longtake deploy`), or leave `on` out to make every film in this run"
        )
        return found

    async def __call__(
        self, session: Session, comparison: Comparison, downstream: Downstream | None
    ) -> SceneError | None:
        """Dispatch a film, and wait.

        Returns:
            The error that says why its run did not complete, None when it did.

        Raises:
            StoreError, MediaError: the storyboard and its files cannot be put into the store.
        """
        del downstream  # films of a set have no retakes of a run
        tag, board = session.spending.tag, await pack(session.assets, comparison.resolved)
        title = comparison.resolved.loaded.board.title
        given = {
            "board": board,
            "run": session.run,
            "film_set": tag.name,
            "set_budget": tag.budget,
            "film_budget": session.spending.budget.film,
            "run_budget": session.spending.budget.run,
            "labels": dict(tag.labels) or None,
            **self._given,
        }
        try:
            run = await start(session, self._deployment, f"film {title}", given)
            # It ended in an earlier life of the run of the set, and the film still lacks something.
            stale = run.state is not None and run.state.is_final()
            one = SceneRun(title, len(comparison.resolved.shots), run, stale=stale)
            ended = await self._ended(one)
        except (httpx.HTTPStatusError, ObjectNotFound) as error:
            status = error.response.status_code if isinstance(error, httpx.HTTPStatusError) else 404
            ended = f"the Prefect API answered {status}"
        return SceneError(f"the run of {title}: {ended}", scenes=(ended,)) if ended else None

    async def _ended(self, one: SceneRun) -> str:
        """Wait for a run's end: "" when it completed, else why nothing more comes of it. A cancelled wait cancels the run."""
        ended = asyncio.get_running_loop().create_future()
        self._open[one.run.id] = one, ended
        if self._watch is None or self._watch.done():
            self._watch = asyncio.create_task(self._look())
        try:
            return str(await ended)
        except asyncio.CancelledError:
            await artifacts.harmless(_cancel(one), patience=artifacts.SHORT)
            raise
        finally:
            self._open.pop(one.run.id, None)

    async def _look(self) -> None:
        """Look at all runs while there are any."""
        async with get_client() as client:
            while self._open:
                await asyncio.sleep(LOOK_AGAIN)
                try:
                    runs = await patiently(lambda: read_runs(client, [*self._open]))
                    for one, ended in list(self._open.values()):
                        found = runs.get(one.run.id)
                        why = "it was deleted" if found is None else await patiently(lambda: look(client, one, found))  # noqa: B023
                        if why is not None and not ended.done():
                            get_run_logger().info("%s: %s", one.run.name, why or "completed")
                            ended.set_result(why)
                except Exception as error:  # noqa: BLE001 - the films wait for it, and each says why it was given up
                    for _, ended in list(self._open.values()):
                        if not ended.done():
                            ended.set_exception(error)


async def _cancel(one: SceneRun) -> None:
    async with get_client() as client:
        run = await client.read_flow_run(one.run.id)
        if run.state is not None and not run.state.is_final():
            await client.set_flow_run_state(run.id, cancelled(run))
