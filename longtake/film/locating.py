"""Find a film's manifest by what a person names: a file, a URI, a key of the store, the film's slug, or its storyboard."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from longtake import manifest as manifests
from longtake import store as stores
from longtake import storyboard
from longtake.errors import SettingsError

if TYPE_CHECKING:
    from longtake.manifest import Manifest
    from longtake.settings import Settings
    from longtake.store import Store

_SLUG = r"[a-z0-9-]{1,60}"
_NAME = rf"({_SLUG}/[0-9a-f]{{32}}(?:/[0-9a-f]{{12}})?)(?:/(?:manifest\.json|film\.mp4))?/?\Z"
_KEY = re.compile(rf"(?:films/)?{_NAME}")
# Buckets, folders and films may be called films, too: the name of a film at the end decides which is which.
_URI = re.compile(rf"(.+?://.*)/films/{_NAME}")
_HOW = "name a storyboard, the path of a manifest.json, its URI, <film>/<digest> of a film in the store, or the film's slug"


def locate(place: str, settings: Settings) -> tuple[Manifest, Store]:
    """The manifest that `place` names, and the store it belongs to.

    Args:
        place: a manifest's path, an object's URI, a key in the store, `<film>/<digest>`, or `<film>` for the film joined last. The
            path of a storyboard stands for its film.
        settings: name the store; a URI replaces it.

    Raises:
        SettingsError: nothing is there.
        StoryboardError: it is a storyboard with problems.
        StoreError: the store is away, or what is there is not a manifest of this release.
    """
    uri = _URI.match(place)
    if uri is not None:
        settings, place = settings.model_copy(update={"store": uri[1]}), uri[2]
    elif "://" in place:
        raise SettingsError(f"{place[:200]} is not a manifest in a store", next_step=_HOW)
    elif Path(place).is_file():
        path = Path(place)
        if path.stat().st_size > manifests.LIMIT:
            raise SettingsError(f"{path} is too large for a manifest", next_step=_HOW)
        data = path.read_bytes()
        if not _is_storyboard(path, data):
            return manifests.load(data, name=str(path)), stores.of(settings)
        return _of_storyboard(path, stores.of(settings))
    store = stores.of(settings)
    named = _KEY.match(place)
    if named is not None:
        found = _load(store, f"films/{named[1]}/manifest.json")
    else:
        found = newest(store, place) if re.fullmatch(_SLUG, place) else None
    if found is None:
        raise SettingsError(f"there is no film {place[:200]}, neither a file nor in {store.uri}", next_step=_HOW)
    return found, store


def _of_storyboard(path: Path, store: Store) -> tuple[Manifest, Store]:
    film = storyboard.slug(storyboard.load(path).board.title)
    found = newest(store, film)
    if found is None:
        name = shlex.quote(str(path))
        raise SettingsError(
            f"the film of {path} ({film}) is not in {store.uri}",
            next_step=f"`longtake plan {name}` prices what is missing, `longtake run {name}` buys that and joins the film",
        )
    return found, store


def newest(store: Store, film: str) -> Manifest | None:
    """The manifest of the film joined last under a slug; None where there is none.

    Raises:
        StoreError: the store is away, or a manifest there is from another release.
    """
    home = re.compile(rf"films/{film}/[0-9a-f]{{32}}(?:/[0-9a-f]{{12}})?/manifest\.json")
    found = [_load(store, key) for key in store.list(f"films/{film}/") if home.fullmatch(key)]
    return max(filter(None, found), key=lambda manifest: (manifest.joined_at, manifest.digest), default=None)


def _is_storyboard(path: Path, data: bytes) -> bool:
    if path.suffix.lower() in {".yaml", ".yml"}:
        return True
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and "scenes" in found


def _load(store: Store, key: str) -> Manifest | None:
    data = store.get(key, limit=manifests.LIMIT)
    return None if data is None else manifests.load(data, name=key)
