"""The flow `film`: one film of a set, made on any worker that shares the store. The run of the set dispatches it."""

from prefect import flow

from longtake.errors import FilmIncompleteError
from longtake.prefect import artifacts
from longtake.prefect.config import settings_of
from longtake.prefect.parameters import (
    CredentialsParameter,
    CreditsParameter,
    LabelsParameter,
    SceneCreditsParameter,
    StepsParameter,
    StoreParameter,
)
from longtake.prefect.scenes.heartbeat import alive
from longtake.prefect.set_observer import QuietObserver
from longtake.prefect.signals import in_good_order
from longtake.prefect.tracing import traced
from longtake.storyboard import checked_labels
from longtake.studio import Film
from longtake.studio.scenes import Dispatched, make_set_film
from longtake.take import SetTag


@flow(name="film", persist_result=False)
async def film(
    board: str,
    run: str,
    film_set: str,
    credentials: CredentialsParameter = None,
    store: StoreParameter = None,
    set_budget: CreditsParameter = None,
    film_budget: SceneCreditsParameter = None,
    run_budget: SceneCreditsParameter = None,
    labels: LabelsParameter = None,
    steps: StepsParameter = (),
) -> Film:
    """Make one film of a set, and leave it in the store. The flow `film_set` fills in the parameters.

    Args:
        board: key in the store of the storyboard with its files.
        run: the run that pays for it: its budget counts what this one spends.
        film_set: the set's slug.
        credentials: as in the flow `film_set`.
        store: as in the flow `film_set`.
        set_budget: credits that all films of the set may cost.
        film_budget: credits the film may ever cost.
        run_budget: credits the paying run may cost.
        labels: of the film, those of its row and of the run included.
        steps: as in the flow `film_set`.

    Raises:
        FilmIncompleteError: some shots are missing; says which and why.
        BudgetError: what is missing does not fit a budget; nothing was sent for it.
        SettingsError, StoreError: the store has no such storyboard; nothing was sent.
        PreflightError: this worker could not use what it would buy; nothing was sent.
    """
    settings = settings_of(credentials, store)
    tag = SetTag(film_set, budget=set_budget).labeled(checked_labels(labels))
    dispatched = Dispatched(board, run, tag, film_budget, run_budget)
    with artifacts.alone():
        async with alive():
            with traced(), in_good_order():
                try:
                    made = await make_set_film(settings, dispatched, steps=steps, observer=QuietObserver())
                except FilmIncompleteError as error:
                    if error.film is not None:
                        await artifacts.shots(error.film.name, error.film.rows)
                    raise
                await artifacts.shots(made.name, made.rows)
    return made
