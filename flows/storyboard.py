"""The flow `storyboard`: from a storyboard to a film."""

import asyncio
from typing import Any

from prefect import flow
from prefect.runtime import flow_run

from longtake import store as stores
from longtake.errors import FilmIncompleteError
from longtake.prefect import approver, artifacts
from longtake.prefect.config import settings_of
from longtake.prefect.observer import PrefectObserver, collect
from longtake.prefect.parameters import (
    AskParameter,
    BoardParameter,
    CredentialsParameter,
    CreditsParameter,
    DeploymentParameter,
    DownstreamParameter,
    LabelsParameter,
    RetakeParameter,
    StepsParameter,
    StoreParameter,
    board_name,
)
from longtake.prefect.recorded import tags_of
from longtake.prefect.scenes.dispatch import Dispatcher
from longtake.prefect.signals import in_good_order
from longtake.prefect.tracing import traced
from longtake.storyboard import aload_any, slug
from longtake.studio import Film, Studio
from longtake.studio.steps import load_steps


def _run_name() -> str:
    return f"film {board_name(flow_run.get_parameters().get('board'))}"


@flow(name="storyboard", flow_run_name=_run_name, persist_result=False)
async def storyboard(
    board: BoardParameter,
    credentials: CredentialsParameter = None,
    store: StoreParameter = None,
    budget: CreditsParameter = None,
    retake: RetakeParameter = (),
    downstream: DownstreamParameter = None,
    approval: AskParameter = None,
    scenes: DeploymentParameter = None,
    steps: StepsParameter = (),
    labels: LabelsParameter = None,
) -> Film:
    """Turn a storyboard into a film. A run buys only what is missing; run again after anything that went wrong.

    Args:
        board: the storyboard: a path or URL, its content, or a `Storyboard`.
        credentials: the account that pays; its environment variables where the worker runs, if left out.
        store: where everything is kept; LONGTAKE_STORE where the worker runs, if left out.
        budget: credits this run may cost, in addition to the storyboard's own budget.
        retake: ids of shots that get a new take although they have one.
        downstream: what becomes of the shots after those: `bridge`, `cascade` or `keep`.
        approval: whether a person is asked before credits are spent; as the storyboard says, where `before` is empty.
        scenes: `flow/deployment` of the flow `scene`, which makes the scenes on other workers.
        steps: your own steps as `module:function`, importable where the worker runs: each may replace a take's clip or refuse it.
        labels: what this run's credits can be summed by, such as `{"campaign": "autumn"}`; they go before the storyboard's.

    Raises:
        StoryboardError, SettingsError, CatalogError: bad input; nothing was sent.
        PreflightError: this machine could not use what it would buy; nothing was sent.
        BudgetError: what is missing does not fit into a budget, or was not approved; nothing was sent for it.
        FilmIncompleteError: some shots are missing; says which, why, and what they would cost.
    """
    settings = settings_of(credentials, store)
    load_steps(steps)
    loaded = await aload_any(board, s3=settings.s3)
    name, wanted = slug(loaded.board.title), approval or loaded.board.approval
    approver.check_approver(wanted)
    await artifacts.tag_run(*tags_of(name, stores.of(settings).uri), name=f"film {loaded.board.title}")
    progress = artifacts.ProgressArtifact(name)
    observer = PrefectObserver(progress)
    options: dict[str, Any] = {}
    if scenes is not None:
        options["dispatch"] = await Dispatcher.checked(scenes, credentials, store, steps, progress)
    studio = Studio(settings=settings, observers=[observer], steps=steps)
    with traced(), in_good_order():
        try:
            async with observer.shown():
                film = await studio.make(
                    loaded,
                    budget=budget,
                    retake=retake,
                    downstream=downstream,
                    approval=approval,
                    approve=approver.ask,
                    run=flow_run.get_id(),
                    links=artifacts.links(),
                    labels=labels,
                    **options,
                )
        except FilmIncompleteError as error:
            if error.film is not None:
                await artifacts.film(error.film)
            raise
        except asyncio.CancelledError:
            if observer.page is not None:
                await artifacts.page(name, observer.page, patience=artifacts.SHORT)
            raise
        collect(film)
        await artifacts.film(film)
    return film
