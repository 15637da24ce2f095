"""Deliverables of a film, by its name or its manifest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longtake import film as films
from longtake.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from longtake.film import Deliverable, Delivered
    from longtake.settings import Settings
    from longtake.store import Store


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
    manifest, store = films.locate(place, settings)
    settings = _marked_as(films.folder_of(manifest.film, manifest.digest), store, settings)
    films.check_marking(settings)
    done = films.deliver(manifest, store, wanted, on_progress=on_progress)
    film = films.JoinedFilm(manifest, done.key, done.key.replace("film.mp4", "poster.jpg"), made=done.made)
    film = films.keep_marked(film, store, settings)
    return done, film.place(store)


def _marked_as(folder: str, store: Store, settings: Settings) -> Settings:
    """The settings with the marking of the film where they ask for none: its storyboard or its block may have asked for it."""
    if settings.marking != "off":
        return settings
    names = {key.rpartition("/")[2] for key in store.list(folder)}
    for marking, name in films.MARKED_NAMES.items():
        if name in names:
            return films.marked_as(settings, marking)
    return settings
