"""Concatenate takes that belong to no storyboard."""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING

from longtake import film as films
from longtake import preflight, telemetry, timeline
from longtake import store as stores
from longtake import storyboard as boards
from longtake.errors import MediaError
from longtake.observer import Event, Step
from longtake.report import Money
from longtake.studio.film import Film, ShotResult

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longtake.film import JoinedFilm
    from longtake.library import Take
    from longtake.observer import Observer
    from longtake.settings import Settings


async def concatenate(
    settings: Settings, takes: Sequence[Take], *, title: str, run: str | None = None, observer: Observer | None = None
) -> Film:
    """Make one film of takes in this order, or find the film that was made of the same; free.

    Args:
        settings: say where the clips are and the film goes, and whether it is marked.
        takes: at least one.
        title: the film's; the store keeps it under the title's slug.
        run: an id of this run.
        observer: notified of the step.

    Raises:
        MediaError, FfmpegError: the clips cannot be concatenated.
        StoreError: the store is away, or a clip is gone.
    """
    if not takes:
        raise MediaError("there is nothing to concatenate", next_step="give at least one take")
    store = stores.of(settings)
    name, run = boards.slug(title), run or uuid.uuid4().hex
    line = timeline.of_takes(takes, title=title)
    loop = asyncio.get_running_loop()

    async with telemetry.observing(settings, observer, film=name, run=run) as watch:

        def progress(share: float) -> None:
            event = Event("film.joining", name, takes[0].account, data={"share": share})
            loop.call_soon_threadsafe(watch.notify, event)

        def work() -> JoinedFilm:
            preflight.check_media()
            films.check_marking(settings)
            film = films.join_takes(line, takes, store=store, film=name, run=run, on_progress=progress)
            return films.keep_marked(film, store, settings)

        joined = await watch.around(Step("concatenate", f"film {name}"), lambda: asyncio.to_thread(work))
    shots = {
        f"{number:04d}": ShotResult(id=f"{number:04d}", label=take.shot, state="current", take=take, takes=(take,))
        for number, take in enumerate(takes, 1)
    }
    return Film(
        title=title,
        name=name,
        place=joined.place(store),
        path=store.path(joined.key),
        manifest=joined.manifest_place(store),
        poster=joined.poster,
        shots=shots,
        cost=Money(planned=0, charged=0, refunded=0, in_doubt=0),
        would_cost=0,
        plan=None,
        run=run,
    )
