"""Runs of a film that wait for an approval at a Prefect server: found by the film's tag, answered like Prefect's own form."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from uuid import UUID

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import StateType

from longtake.errors import SettingsError
from longtake.review import WaitingRun

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun

_MOST = 20
"""Waiting runs of one film that are looked at."""


class WaitingRuns:
    """The `Approvals` of a review where Prefect runs films; the server is that of Prefect's settings."""

    def waiting(self, film: str) -> list[WaitingRun]:
        """The runs of a film that wait, the oldest first; none where the server does not answer."""
        wanted = FlowRunFilter.model_validate(
            {"tags": {"all_": [f"film:{film}"]}, "state": {"type": {"any_": [StateType.PAUSED]}}}
        )
        try:
            with get_client(sync_client=True) as client:
                runs = client.read_flow_runs(flow_run_filter=wanted, limit=_MOST)
                found = [_asked(client, run) for run in runs]
        except httpx.HTTPError:
            return []
        return [one for one in found if one is not None]

    def approve(self, run: str, *, credits: int, by: str) -> None:
        """Let a waiting run go on.

        Raises:
            SettingsError: it does not wait any more, or the server does not answer.
        """
        try:
            with get_client(sync_client=True) as client:
                client.resume_flow_run(UUID(run), run_input={"approve": True, "credits": credits, "by": by[:100]})
        except httpx.HTTPError as error:
            raise SettingsError(
                f"the run could not be resumed: {type(error).__name__}",
                next_step="look whether it still waits, and answer in the Prefect UI",
            ) from None


def _asked(client: SyncPrefectClient, run: FlowRun) -> WaitingRun | None:
    """What a paused run asked; None where it was paused for something else than an approval of ours."""
    keys = run.state.state_details.run_input_keyset if run.state is not None else None
    try:
        form = json.loads(client.read_flow_run_input(run.id, (keys or {})["schema"]))["properties"]
        text = json.loads(client.read_flow_run_input(run.id, (keys or {})["description"]))
        credits = int(form["credits"]["default"])
    except (KeyError, TypeError, ValueError, httpx.HTTPStatusError):
        return None
    return WaitingRun(str(run.id), str(text), credits)
