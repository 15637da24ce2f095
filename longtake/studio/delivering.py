"""Deliverables of a film, by its name or its manifest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longtake import film as films
from longtake.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from longtake.film import Delivered
    from longtake.settings import Settings
    from longtake.store import Store
    from longtake.storyboard import Deliverable


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
    folder = films.folder_of(manifest.film, manifest.digest)
    film = films.find(store, folder, sha256=manifest.sha256)
    if film is None:
        raise SettingsError(
            f"the film {manifest.film}/{manifest.digest} is not in {store.uri}",
            next_step="join it again: `longtake run --from-manifest PLACE`",
        )
    settings = _marked_as(folder, store, settings)
    films.check_marking(settings)
    (done,) = films.deliver_all(film, [wanted], store, settings, on_progress=on_progress)
    return done, films.place_of(store, done.key)


def _marked_as(folder: str, store: Store, settings: Settings) -> Settings:
    """The settings with the marking of the film where they ask for none: its storyboard or its block may have asked for it."""
    if settings.marking != "off":
        return settings
    names = {key.rpartition("/")[2] for key in store.list(folder)}
    for marking, name in films.MARKED_NAMES.items():
        if name in names:
            return films.marked_as(settings, marking)
    return settings
