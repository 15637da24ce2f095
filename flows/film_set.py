"""The flow `film_set`: from a table to films."""

import asyncio
from typing import Any

from prefect import flow
from prefect.runtime import flow_run

from longtake.film_set import FilmSet, SetResult, load
from longtake.prefect import approver, artifacts
from longtake.prefect.config import settings_of
from longtake.prefect.observer import collect
from longtake.prefect.parameters import (
    CredentialsParameter,
    CreditsParameter,
    DeploymentParameter,
    FilmSetParameter,
    LabelsParameter,
    StepsParameter,
    StoreParameter,
)
from longtake.prefect.scenes.films import FilmDispatcher
from longtake.prefect.set_observer import SetObserver, show
from longtake.prefect.signals import in_good_order
from longtake.prefect.tracing import traced
from longtake.storyboard import slug
from longtake.studio import Studio


@flow(name="film_set", flow_run_name="film set", persist_result=False)
async def film_set(
    film_set: FilmSetParameter,
    credentials: CredentialsParameter = None,
    store: StoreParameter = None,
    budget: CreditsParameter = None,
    skip_bad_rows: bool = False,  # noqa: FBT001, FBT002 - a flow's parameters are given by name
    steps: StepsParameter = (),
    labels: LabelsParameter = None,
    on: DeploymentParameter = None,
) -> SetResult:
    """Make a film for each row of a table. A run buys only what is missing; run again after anything that went wrong.

    Args:
        film_set: the set: a path or URL, its content, or a `FilmSet`.
        credentials: the account that pays; its environment variables where the worker runs, if left out.
        store: where everything is kept; LONGTAKE_STORE where the worker runs, if left out.
        budget: credits this run may cost, in addition to the set's own budget.
        skip_bad_rows: make the other films where rows cannot be used.
        steps: your own steps as `module:function`, importable where the worker runs: each may replace a take's clip or refuse it.
        labels: what this run's credits can be summed by; they go before those of the rows and of the storyboard.
        on: `flow/deployment` of the flow `film`, which makes the films on other workers.

    Raises:
        StoryboardError, SettingsError, CatalogError: bad input; nothing was sent.
        BudgetError: what is missing does not fit a budget of the set, the run or the day; nothing was sent.
        SetIncompleteError: some films are missing; its `result` says which and why.
    """
    settings = settings_of(credentials, store)
    given: Any = film_set
    if isinstance(given, dict):
        given = FilmSet.model_validate(given)
    elif not isinstance(given, FilmSet):
        given = await asyncio.to_thread(load, given, s3=settings.s3)
    name = slug(given.title)
    await artifacts.tag_run(f"set:{name}", name=f"film set {given.title}")
    observer = SetObserver(name)
    studio = Studio(settings=settings, observers=[observer], steps=steps)
    run = flow_run.get_id()
    dispatch = await FilmDispatcher.checked(on, credentials, store, steps) if on is not None else None
    with traced(), in_good_order():
        async with observer.shown():
            result = await studio.make_set(
                given,
                budget=budget,
                skip_bad_rows=skip_bad_rows,
                approve=approver.ask,
                run=run,
                labels=labels,
                dispatch=dispatch,
            )
    if not result.exit_code:
        collect(result)
    await show(result)
    if result.exit_code:
        raise result.error()
    return result
