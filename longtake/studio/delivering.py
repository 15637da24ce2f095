"""Deliverables of a film, by its name or its manifest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longtake import film as films
from longtake.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from longtake.film import Deliverable, Delivered
    from longtake.settings import Settings


def deliver(
    place: str | None,
    wanted: Deliverable,
    *,
    settings: Settings,
    on_progress: Callable[[float], None] | None = None,
) -> tuple[Delivered, str]:
    """See `Studio.deliver`; gives also where the deliverable's film lies. `place` is what `longtake.film.locate` takes."""
    if place is None:
        raise SettingsError("the film is not whole yet", next_step="make what is missing of it with `longtake run`")
    films.check_marking(settings)
    manifest, store = films.locate(place, settings)
    done = films.deliver(manifest, store, wanted, on_progress=on_progress)
    film = films.JoinedFilm(manifest, done.key, done.key.replace("film.mp4", "poster.jpg"), made=done.made)
    film = films.keep_marked(film, store, settings)
    return done, film.place(store)
