"""Films of the store as resources: the list, and each film's manifest and report."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from longtake import manifest as manifests
from longtake import store as stores
from longtake.errors import SettingsError
from longtake.film import film_objects, newest

if TYPE_CHECKING:
    from longtake.manifest import Manifest
    from longtake.settings import Settings
    from longtake.store import Store

_SLUG = re.compile(r"[a-z0-9-]{1,60}")
_MOST_FILMS = 1000
_REPORT_LIMIT = 16 * 1024 * 1024


def films_of(settings: Settings) -> str:
    """The films of the store by their slugs, as JSON; `more` says whether there are others.

    Raises:
        StoreError: the store is away.
    """
    store = stores.of(settings)
    found: list[str] = []
    while len(found) < _MOST_FILMS:
        # "0" follows "/": the next key of another film.
        key = next(store.list("films/", limit=1, after=f"films/{found[-1]}0" if found else None), None)
        if key is None:
            break
        found.append(key.split("/")[1])
    return json.dumps({"films": found, "more": len(found) == _MOST_FILMS}, indent=1)


def manifest_of(film: str, settings: Settings) -> str:
    """The manifest of the film that was joined last, as JSON.

    Raises:
        SettingsError: there is no such film.
        StoreError: the store is away.
    """
    return manifests.dump(_newest(film, stores.of(settings))).decode()


def report_of(film: str, settings: Settings) -> str:
    """The page of the film that was joined last, HTML.

    Raises:
        SettingsError: there is no such film, or it has no page.
        StoreError: the store is away.
    """
    store = stores.of(settings)
    manifest = _newest(film, store)
    joined = film_objects.find(store, film_objects.folder_of(film, manifest.digest), sha256=manifest.sha256)
    home = joined.key.removesuffix("film.mp4") if joined is not None else film_objects.folder_of(film, manifest.digest)
    page = store.get(f"{home}report.html", limit=_REPORT_LIMIT)
    if page is None:
        raise SettingsError(
            f"film {film} has no report", next_step="make the film: it is written when the film is joined"
        )
    return page.decode("utf-8", errors="replace")


def _newest(film: str, store: Store) -> Manifest:
    found = newest(store, film) if _SLUG.fullmatch(film) else None
    if found is None:
        raise SettingsError(
            f"there is no film {json.dumps(film[:80])}", next_step="read longtake://films, which lists them"
        )
    return found
