"""Runs of a film that wait for an approval at a Prefect server: found by its tags, answered like Prefect's own form."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from uuid import UUID

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import StateType

from longtake.errors import SettingsError
from longtake.prefect.recorded import tags_of
from longtake.review import WaitingRun

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun

_MOST = 20
"""Waiting runs of one film that are looked at."""


class WaitingRuns:
    """The `Approvals` of a review where Prefect runs films; the server is that of Prefect's settings."""

    def waiting(self, film: str, store: str) -> list[WaitingRun]:
        """The runs that wait, of a film in a store, the oldest first; none where the server does not answer."""
        wanted = FlowRunFilter.model_validate(
            {"tags": {"all_": tags_of(film, store)}, "state": {"type": {"any_": [StateType.PAUSED]}}}
        )
        try:
            with get_client(sync_client=True) as client:
                runs = client.read_flow_runs(flow_run_filter=wanted, limit=_MOST)
                found = [_asked(client, run) for run in runs]
        except httpx.HTTPError:
            return []
        return [one for one in found if one is not None]

    def approve(self, run: str, *, question: str, credits: int, by: str) -> None:
        """Let a waiting run go on.

        Raises:
            SettingsError: it does not wait any more, or with another question, or the server does not answer.
        """
        try:
            with get_client(sync_client=True) as client:
                if _keys(client.read_flow_run(UUID(run))).get("schema") != question:
                    raise SettingsError("this question is answered", next_step="look at the film again")
                client.resume_flow_run(UUID(run), run_input={"approve": True, "credits": credits, "by": by[:100]})
        except httpx.HTTPError as error:
            raise SettingsError(
                f"the run could not be resumed: {type(error).__name__}",
                next_step="look whether it still waits, and answer in the Prefect UI",
            ) from None


def _asked(client: SyncPrefectClient, run: FlowRun) -> WaitingRun | None:
    """What a paused run asked; None where it was paused for something else than an approval of ours."""
    keys = _keys(run)
    try:
        form = json.loads(client.read_flow_run_input(run.id, keys["schema"]))["properties"]
        text = json.loads(client.read_flow_run_input(run.id, keys["description"]))
        credits = int(form["credits"]["default"])
    except (KeyError, TypeError, ValueError, httpx.HTTPStatusError):
        return None
    given = run.parameters
    retake, steps = (tuple(map(str, given.get(name) or ())) for name in ("retake", "steps"))
    return WaitingRun(str(run.id), keys["schema"], str(text), credits, retake, given.get("downstream"), steps)


def _keys(run: FlowRun) -> dict[str, str]:
    """Under which keys a paused run keeps its question: the one of the schema is new for each question."""
    return (run.state.state_details.run_input_keyset if run.state is not None else None) or {}
