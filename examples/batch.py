"""Many clips at once: `.map` makes one task run for each shot, as many side by side as the credentials allow.

export LONGTAKE_API_KEY=… LONGTAKE_STORE=films
python examples/batch.py
"""

from __future__ import annotations

from prefect import flow, unmapped

from longtake import Shot, Take
from longtake.blocks import ArtifactStore, ReapiCredentials
from longtake.tasks import generate

PLACES = ("a harbor in the fog", "a wheat field in the wind", "a night market in the rain")


@flow
def batch(
    places: tuple[str, ...] = PLACES,
    credentials: ReapiCredentials | None = None,
    store: ArtifactStore | None = None,
    budget: int | None = 3000,
) -> list[Take]:
    """Make one clip of each place. Run it again with one more place: only that one is bought.

    Args:
        places: what is seen, one clip each.
        credentials: the account that pays.
        store: where clips and ledger are kept.
        budget: credits that all clips of a run may cost together.
    """
    shots = [
        Shot(f"place-{number}", f"A slow pan over {place}", resolution="480p", duration=4)
        for number, place in enumerate(places, 1)
    ]
    # `.map` goes through every argument that can be iterated over, and a block is a pydantic model, whose iterator gives its
    # fields. `unmapped` hands the whole block to each task run.
    futures = generate.map(
        shots,
        model="seedance-2.5",
        film="places",
        credentials=unmapped(credentials),
        store=unmapped(store),
        budget=budget,
    )
    return futures.result()


if __name__ == "__main__":
    for take in batch():
        print(take.shot, take.clip.key, f"{take.credits} credits")
