"""What a run came to, printed: for people, or as one JSON object."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from longtake.report import stale_note
from longtake.studio.film import Film

if TYPE_CHECKING:
    from longtake.errors import LongtakeError
    from longtake.film_set import SetResult

__all__ = ["show"]


def show(film: Film | SetResult | None, error: LongtakeError | None, *, as_json: bool) -> None:
    """Print the film or the films so far on standard output, and the error on standard error."""
    if as_json:
        body = film.answer() if film is not None else {}
        if error is not None:
            body["error"] = {
                "kind": type(error).__name__.lstrip("_"),
                "message": error.message,
                "next_step": error.next_step,
            }
        print(json.dumps(body, indent=2))
    elif isinstance(film, Film):
        cost = film.cost
        print(f"film: {film.place or 'not complete yet'}")
        for name, place in film.deliverables.items():
            print(f"deliverable {name}: {place}")
        print(
            f"credits: planned {cost.planned}, charged {cost.charged}, refunded {cost.refunded}, in doubt {cost.in_doubt}"
        )
        for line in film.notes:
            print(line)
        if (note := stale_note([one.id for one in film.shots.values() if one.state == "stale"])) is not None:
            print(note)
    elif film is not None:
        print(film)
    if error is not None:
        print(f"longtake: {error}", file=sys.stderr)
