"""Rebuilding: a manifest and the store are enough to have the film again. Nothing is sent to a provider and no key is needed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from longtake import store as stores
from longtake.film import film_objects
from longtake.film.joining import measured
from longtake.film.rendering import render

if TYPE_CHECKING:
    from collections.abc import Callable

    from longtake.film.film_objects import JoinedFilm
    from longtake.manifest import Manifest
    from longtake.store import Store


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A film that was joined again.

    Attributes:
        film: where it lies.
        same: whether the bytes are those the manifest speaks of; another ffmpeg may give others.
        there: whether the film was in the store already, byte for byte.
    """

    film: JoinedFilm
    same: bool
    there: bool


def rebuild(manifest: Manifest, store: Store, *, on_progress: Callable[[float], None] | None = None) -> Rebuilt:
    """Check every clip's digest, join the clips, and restore the missing files of the film.

    A film whose bytes are not what the manifest says is put right. Other bytes than the manifest's, from another ffmpeg, are kept
    next to the film and does not overwrite it.

    Raises:
        StoreError: the store is away, or lacks a clip, or holds one that is not what its name says.
        MediaError, FfmpegError: it cannot be joined.
    """
    folder = film_objects.folder_of(manifest.film, manifest.digest)
    with stores.temporary_folder("film") as work:
        made = render(manifest.timeline, store, work, check=True, on_progress=on_progress)
        same = made.sha256 == manifest.sha256
        found = film_objects.find(store, folder, sha256=made.sha256)
        if found is not None and film_objects.verified(store, found):
            film_objects.complete(store, found, made.folder)
            return Rebuilt(found, same, there=True)
        if found is not None:
            store.delete([found.key])  # of the right size, and yet not this film
        new = manifest if same else manifest.model_copy(update=measured(made))
        return Rebuilt(film_objects.keep(store, folder, made.folder, new), same, there=False)
