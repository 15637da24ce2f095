"""Rows from what the store keeps of films and film sets: manifests with their shots, and the results of runs of sets."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from longtake.books.postings import Block
from longtake.manifest import LIMIT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from longtake.books.schema import BookRow
    from longtake.store import Store

_NINES = 10**14 - 1
_FILMS = 64
"""Objects whose rows are held in memory at once."""

_log = logging.getLogger("longtake.books")


def manifests(store: Store) -> list[str]:
    """The keys of all manifests: `films/<film>/<digest>/manifest.json`."""
    return [key for key in store.list("films/") if key.endswith("/manifest.json") and key.count("/") == 3]


def results(store: Store) -> list[str]:
    """The keys of the results of all runs of film sets."""
    return [key for key in store.list("sets/") if key.endswith("/results.json") and key.count("/") == 3]


def film_blocks(store: Store, keys: Sequence[str], since: int) -> Iterator[Block]:
    """The rows of films and their shots, from manifests; `since` is the place of the first in the list of all."""
    for block, found in _documents(store, keys, since):
        for key, film in found:
            try:
                rows = [_film_row(key, film), *_shot_rows(film)]
            except (KeyError, TypeError, ValueError, AttributeError):
                _log.warning("%s is not a manifest that this release can read; it is left out", key)
                continue
            block.add("films", rows[0])
            for row in rows[1:]:
                block.add("shots", row)
        yield block


def set_blocks(store: Store, keys: Sequence[str], since: int) -> Iterator[Block]:
    """The rows of the results of film sets: one for each film of each run."""
    for block, found in _documents(store, keys, since):
        for key, result in found:
            try:
                rows = _set_rows(key, result)
            except (KeyError, TypeError, ValueError, AttributeError):
                _log.warning("%s is not a result of a set that this release can read; it is left out", key)
                continue
            for row in rows:
                block.add("sets", row)
        yield block


def _documents(store: Store, keys: Sequence[str], since: int) -> Iterator[tuple[Block, list[tuple[str, Any]]]]:
    for start in range(0, len(keys), _FILMS):
        some = keys[start : start + _FILMS]
        first = since + start + 1
        found = []
        for key in some:
            try:
                found.append((key, json.loads(store.get(key, limit=LIMIT) or b"null")))
            except ValueError:
                found.append((key, None))
        yield Block(f"{first:012d}-{first + len(some) - 1:012d}"), found


def _film_row(key: str, film: dict[str, Any]) -> BookRow:
    joined = datetime.fromisoformat(film["joined_at"])
    credit_names = ("used_takes", "alternates", "settled", "reserved", "in_doubt", "refunded")
    same = ("film", "digest", "title", "seconds", "frames", "bytes", "way", "sha256")
    return {
        **{name: film[name] for name in same},
        "day": joined.astimezone(UTC).date().isoformat(),
        "shots": len(film["shots"]),
        "key": key.removesuffix("manifest.json") + "film.mp4",
        "joined_at": joined,
        "run": film.get("run"),
        **{name: film["credits"].get(name) for name in credit_names},
        "labels": {str(name): str(value) for name, value in (film.get("labels") or {}).items()},
    }


def _shot_rows(film: dict[str, Any]) -> list[BookRow]:
    day = datetime.fromisoformat(film["joined_at"]).astimezone(UTC).date().isoformat()
    rows = []
    for position, shot in enumerate(film["shots"], 1):
        used = shot["used"]
        rows.append(
            {
                "day": day,
                "film": film["film"],
                "digest": film["digest"],
                "position": position,
                "scene": shot["scene"],
                "shot": shot["id"],
                "state": shot["state"],
                "start": shot["start"],
                "end": shot["end"],
                **{name: used[name] for name in ("fingerprint", "account", "attempt", "take", "credits", "model")},
                "seam": (shot.get("seam") or {}).get("distance"),
                "drift": shot.get("drift"),
            }
        )
    return rows


def _set_rows(key: str, result: dict[str, Any]) -> list[BookRow]:
    at = datetime.fromtimestamp((_NINES - int(key.split("/")[2].partition("-")[0])) / 1000, UTC)
    same = (
        "key", "row", "film", "state", "place", "seconds",
        "expected", "charged", "refunded", "in_doubt", "error", "next_step",
    )  # fmt: skip
    return [
        {
            "day": at.date().isoformat(),
            "at": at,
            **{name: result[name] for name in ("set", "title", "run")},
            **{name: one.get(name) for name in same},
            "labels": {str(name): str(value) for name, value in one["labels"].items()},
        }
        for one in result["films"]
    ]
