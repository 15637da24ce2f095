"""`longtake run --from-manifest`: join a film again from its manifest and the store alone, without key, provider and Prefect."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from longtake import film as films
from longtake import settings as env
from longtake.cli.waiting import Waiting
from longtake.report import Money

if TYPE_CHECKING:
    from longtake.film import Rebuilt
    from longtake.store import Store


def main(place: str, *, as_json: bool) -> int:
    """Rebuild the film and say where it is.

    Args:
        place: a manifest: a path, an object's URI, a key in the store, or `<film>/<digest>`.
        as_json: print one JSON object.
    """
    settings = env.from_environment()
    manifest, store = films.locate(place, settings)
    films.check_marking(settings)
    with Waiting("joining") as waiting:
        done = films.rebuild(manifest, store, on_progress=waiting.share)
        film = films.keep_marked(done.film, store, settings)
        film = films.keep_delivered(film, manifest.deliverables, store, settings)
    if as_json:
        print(json.dumps(_answer(done, film.deliverables(store), store), indent=2))
        return 0
    print(f"film:     {done.film.place(store)}\nmanifest: {done.film.manifest_place(store)}")
    for name, made in film.deliverables(store).items():
        print(f"deliverable {name}: {made}")
    if not done.same:
        print(
            f"bytes:    other than the manifest's, because another ffmpeg joined them ({manifest.software.ffmpeg} then, "
            f"{done.film.manifest.software.ffmpeg} now); frames and cuts are the same",
            file=sys.stderr,
        )
    elif done.there:
        print("bytes:    the film was in the store and matches its manifest byte for byte")
    else:
        print("bytes:    those of its manifest; the film was restored")
    print("cost:     0 credits")
    return 0


def _answer(done: Rebuilt, deliverables: dict[str, str], store: Store) -> dict[str, Any]:
    """As `longtake run --json` answers, with what became of the bytes."""
    return {
        "film": done.film.place(store),
        "manifest": done.film.manifest_place(store),
        "deliverables": deliverables,
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
