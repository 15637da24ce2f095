"""A Prefect flow of your own: two clips, of which the second starts from the last frame of the first, joined into a film.

export LONGTAKE_API_KEY=… LONGTAKE_STORE=films
python examples/two_clips.py
"""

from __future__ import annotations

from prefect import flow

from longtake import Film, Shot
from longtake.blocks import ArtifactStore, ReapiCredentials
from longtake.tasks import concatenate, generate, ingest, poll, submit, upload

MODEL = "seedance-2.5"


@flow
def two_clips(
    title: str = "Two clips",
    credentials: ReapiCredentials | None = None,
    store: ArtifactStore | None = None,
    budget: int | None = 1000,
) -> Film:
    """Make two clips and join them. Without blocks, key and store come from the environment.

    Args:
        title: the film's.
        credentials: the account that pays.
        store: where clips, film and ledger are kept.
        budget: credits that all purchases of a run may cost.
    """
    rocks = generate(
        Shot("rocks", "Waves break on black rocks", resolution="480p", duration=4),
        model=MODEL,
        credentials=credentials,
        store=store,
        budget=budget,
    )
    # The same in four task runs: each is retried, timed and shown by itself.
    request = upload(
        Shot("wakes", "The keeper opens his eyes", resolution="480p", duration=4),
        model=MODEL,
        continue_from=rocks,
        credentials=credentials,
        store=store,
    )
    purchase = submit(request, credentials=credentials, store=store, budget=budget)  # the one step that costs money
    generation = poll(purchase, credentials=credentials, store=store)
    wakes = ingest(generation, credentials=credentials, store=store)
    return concatenate([rocks, wakes], title=title, store=store)


if __name__ == "__main__":
    film = two_clips()
    print(film)
