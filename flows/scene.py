"""The flow `scene`: some chains of a film, made on any worker that shares the store. The run that dispatches them concatenates."""

from prefect import flow

from longtake.prefect.config import settings_of
from longtake.prefect.observer import PrefectObserver
from longtake.prefect.parameters import (
    CredentialsParameter,
    DownstreamParameter,
    LabelsParameter,
    SceneCreditsParameter,
    StepsParameter,
    StoreParameter,
)
from longtake.prefect.scenes.heartbeat import alive
from longtake.prefect.signals import in_good_order
from longtake.prefect.tracing import traced
from longtake.storyboard import checked_labels
from longtake.studio import ShotResult
from longtake.studio.scenes import Dispatched, make_scenes
from longtake.take import SetTag


@flow(name="scene", persist_result=False)
async def scene(
    board: str,
    shots: tuple[str, ...],
    run: str,
    credentials: CredentialsParameter = None,
    store: StoreParameter = None,
    downstream: DownstreamParameter = None,
    film_budget: SceneCreditsParameter = None,
    run_budget: SceneCreditsParameter = None,
    steps: StepsParameter = (),
    labels: LabelsParameter = None,
) -> list[ShotResult]:
    """Make some chains of a film, and leave them in the store. The flow `storyboard` fills in the parameters.

    Args:
        board: key in the store of the storyboard with its files.
        shots: ids of the shots to make, whole chains of them.
        run: the run that pays for them: its budget counts what this one spends.
        credentials: as in the flow `storyboard`.
        store: as in the flow `storyboard`.
        downstream: what becomes of the shots after a retake.
        film_budget: credits the film may ever cost, as it holds now.
        run_budget: credits the paying run may cost, as it was approved.
        steps: as in the flow `storyboard`.
        labels: those of the run that pays.

    Raises:
        FilmIncompleteError: some shots are missing; says which and why.
        SettingsError, StoreError: the store has no such storyboard; nothing was sent.
        PreflightError: this worker could not use what it would buy; nothing was sent.
    """
    settings = settings_of(credentials, store)
    tag = SetTag().labeled(checked_labels(labels))
    dispatched = Dispatched(board, run, tag, film_budget, run_budget)
    observer = PrefectObserver()
    async with alive(), observer.shown():
        with traced(), in_good_order():
            return await make_scenes(settings, dispatched, shots, downstream=downstream, steps=steps, observer=observer)
