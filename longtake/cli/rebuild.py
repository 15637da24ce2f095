"""`longtake run --from-manifest`: a film again from its manifest and the store alone. No key, no provider, no Prefect."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longtake import film as films
from longtake import manifest as manifests
from longtake import settings as env
from longtake import store as stores
from longtake.cli.waiting import Waiting
from longtake.errors import SettingsError
from longtake.report import Money

if TYPE_CHECKING:
    from longtake.film import Rebuilt
    from longtake.manifest import Manifest
    from longtake.store import Store

_NAME = r"([a-z0-9-]{1,60}/[0-9a-f]{32}(?:/[0-9a-f]{12})?)(?:/manifest\.json)?/?\Z"
_KEY = re.compile(rf"(?:films/)?{_NAME}")
# Buckets, folders and films may be called films, too: the name of a film at the end decides which is which.
_URI = re.compile(rf"(.+?://.*)/films/{_NAME}")


def main(place: str, *, as_json: bool) -> int:
    """Rebuild the film and say where it is.

    Args:
        place: a manifest: a path, an object's URI, a key in the store, or `<film>/<digest>`.
        as_json: print one JSON object.
    """
    manifest, store = _read(place)
    with Waiting("joining") as waiting:
        done = films.rebuild(manifest, store, on_progress=waiting.share)
    if as_json:
        print(json.dumps(_answer(done, store), indent=2))
        return 0
    print(f"film:     {done.film.place(store)}\nmanifest: {done.film.manifest_place(store)}")
    if not done.same:
        print(
            f"bytes:    not those of the manifest: another ffmpeg joins otherwise ({manifest.software.ffmpeg} then, "
            f"{done.film.manifest.software.ffmpeg} now); frames and cuts are the same",
            file=sys.stderr,
        )
    elif done.there:
        print("bytes:    the film was there and is, byte for byte, what its manifest says")
    else:
        print("bytes:    as its manifest says; the film was put back")
    print("cost:     0 credits")
    return 0


def _read(place: str) -> tuple[Manifest, Store]:
    """The manifest, and the store it is of.

    Raises:
        SettingsError: nothing is there.
        StoreError: what is there is no manifest of this release.
    """
    settings = env.from_environment()
    uri = _URI.match(place)
    if uri is not None:
        settings, place = settings.model_copy(update={"store": uri[1]}), uri[2]
    elif "://" in place:
        raise SettingsError(f"{place[:200]} is no manifest in a store", next_step=_HOW)
    elif Path(place).is_file():
        path = Path(place)
        if path.stat().st_size > manifests.LIMIT:
            raise SettingsError(f"{path} is too large for a manifest", next_step=_HOW)
        return manifests.load(path.read_bytes(), name=str(path)), stores.of(settings)
    named = _KEY.match(place)
    store = stores.of(settings)
    key = f"films/{named[1]}/manifest.json" if named is not None else ""
    data = store.get(key, limit=manifests.LIMIT) if key else None
    if data is None:
        raise SettingsError(f"there is no manifest {place[:200]}, neither a file nor in {store.uri}", next_step=_HOW)
    return manifests.load(data, name=key), store


_HOW = "name the path of a manifest.json, its URI, or <film>/<digest> of a film in the store"


def _answer(done: Rebuilt, store: Store) -> dict[str, Any]:
    """As `longtake run --json` answers, with what became of the bytes."""
    return {
        "film": done.film.place(store),
        "manifest": done.film.manifest_place(store),
        "same_bytes": done.same,
        "was_there": done.there,
        "shots": [
            {
                "id": shot.id,
                "state": shot.state,
                "take": shot.used.take,
                "task_id": shot.used.task_id,
                "credits": 0,
                "error": None,
            }
            for shot in done.film.manifest.shots
        ],
        "credits": Money(planned=0, charged=0, refunded=0, in_doubt=0).model_dump(),
        "would_cost": 0,
        "flow_run_id": None,
    }
