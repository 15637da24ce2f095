"""Marked copies in the store, next to what they are copies of: of the film, of its HLS folder, and of each deliverable."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from longtake import store as stores
from longtake.film import marked_hls, marking, signing

if TYPE_CHECKING:
    from longtake.film.film_objects import JoinedFilm
    from longtake.manifest import Manifest
    from longtake.settings import Marking, Settings
    from longtake.store import Store

MARKED_NAMES: dict[Marking, str] = {"signed": "film-signed.mp4", "metadata": "film-marked.mp4"}
"""What a marked copy is called, the strongest marking first."""
HLS_NAMES: dict[Marking, str] = {"signed": "hls-signed", "metadata": "hls-marked"}
"""What the folder of a marked HLS copy is called."""
_KINDS = {".m3u8": "application/vnd.apple.mpegurl", ".vtt": "text/vtt", ".mp4": "video/mp4"}


def marked_key(key: str, settings: Settings) -> str | None:
    """The key of the marked copy of a `film.mp4` that the settings ask for; None where they ask for none."""
    return None if settings.marking == "off" else key.removesuffix("film.mp4") + MARKED_NAMES[settings.marking]


def marked_hls_key(film: JoinedFilm, settings: Settings) -> str | None:
    """The key of the playlist of a film's marked HLS copy; None where none is asked for."""
    if settings.marking == "off" or not film.manifest.timeline.hls:
        return None
    return f"{film.key.removesuffix('film.mp4')}{HLS_NAMES[settings.marking]}/index.m3u8"


def keep_marked(film: JoinedFilm, store: Store, settings: Settings) -> JoinedFilm:
    """Store marked copies next to a film and, where it is kept for HLS, of that; see `mark_copy` for what and the errors."""
    film = replace(film, marked=mark_copy(film.key, film.manifest, store, settings))
    index = marked_hls_key(film, settings)
    if index is not None and store.head(index) is None:
        _keep_hls(film, index.removesuffix("index.m3u8"), store, settings)
    return film


def _keep_hls(film: JoinedFilm, home: str, store: Store, settings: Settings) -> None:
    with stores.local_copy(store, film.key) as path, stores.temporary_folder("mark") as name:
        captions = name / "film.vtt"
        text = store.get(f"{film.key.removesuffix('film.mp4')}film.vtt", limit=64 * 1024**2)
        if text is not None:
            captions.write_bytes(text)
        made = name / "hls"
        marked_hls.mark(
            path,
            made,
            film.manifest,
            signing.signing_of(settings),
            captions=captions if text is not None else None,
        )
        # The multivariant playlist comes last: where it is, all is there.
        for one in sorted(made.iterdir(), key=lambda one: one.name == "index.m3u8"):
            store.put_file(home + one.name, one, content_type=_KINDS[one.suffix])


def mark_copy(key: str, manifest: Manifest, store: Store, settings: Settings, *, edit: str | None = None) -> str | None:
    """Store a marked copy next to a file of a film, if the settings ask for one and it is missing. It is written once.

    Args:
        key: of the file, a `film.mp4`.
        manifest: the film's.
        store: where it is.
        settings: say how it is marked.
        edit: what was done to the film for this file; None for the film itself.

    Returns:
        The copy's key; None where none is asked for.

    Raises:
        SettingsError: see `check_marking`.
        MediaError: the copy cannot be written.
        StoreError: the store is away.
    """
    marked = marked_key(key, settings)
    if marked is not None and store.head(marked) is None:
        with stores.local_copy(store, key) as path, stores.temporary_folder("mark") as folder:
            made = folder / "film.mp4"
            marking.mark(path, made, manifest, signing.signing_of(settings), edit=edit)
            store.put_file(marked, made, content_type="video/mp4")
    return marked
