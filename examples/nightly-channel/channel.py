"""A channel that makes a film every night by itself: what the sky did, one scene for each place.

export LONGTAKE_API_KEY=… LONGTAKE_STORE=s3://films/channel
python examples/nightly-channel/channel.py

Deployed with `deployments.yaml` next to it, it runs at 3:15. A run that dies is started again and buys nothing twice: the title
names the day, so the film it finds is the one it began.
"""

from __future__ import annotations

import asyncio
import datetime as dt

from prefect import flow

from longtake import Film, Scene, Shot, Storyboard
from longtake.blocks import ArtifactStore, ReapiCredentials
from longtake.flows import reconcile, storyboard

PLACES = {"coast": "a rocky coast", "moor": "a wide moor", "city": "the roofs of a city"}
SKIES = ("a clear sky full of stars", "low clouds with gaps", "a thin fog", "the last rain of a front")


def board_of(day: dt.date) -> Storyboard:
    """The storyboard of a day; the same day gives the same storyboard."""
    sky = SKIES[day.toordinal() % len(SKIES)]
    return Storyboard(
        title=f"The sky of {day.isoformat()}",
        model="seedance-2.5",
        defaults={"resolution": "480p", "size": "16:9", "duration": 4},
        budget=1500,
        labels={"channel": "sky", "month": f"{day:%Y-%m}"},
        scenes=[
            Scene(name, [Shot(f"{name}-sky", f"Time lapse over {place} at night, {sky}, the camera drifts left")])
            for name, place in PLACES.items()
        ],
    )


@flow(name="channel")
async def channel(
    day: dt.date | None = None,
    budget: int = 1500,
    credentials: ReapiCredentials | None = None,
    store: ArtifactStore | None = None,
) -> Film:
    """Settle what is in doubt, then make the film of a day. No one is asked: the budget is the limit.

    Args:
        day: whose film; today's in UTC if left out.
        budget: credits that this night may cost.
        credentials: the account that pays; else the worker's environment.
        store: where everything is kept; else the worker's environment.
    """
    await reconcile(credentials, store)
    board = board_of(day or dt.datetime.now(dt.UTC).date())
    return await storyboard(board, credentials, store, budget=budget)


if __name__ == "__main__":
    film = asyncio.run(channel())
    print(film.place)
    print(film.cost.charged, "credits")
