"""Film sets: many films from one storyboard and a table, judged, priced and made as one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longtake.lazy import exports

if TYPE_CHECKING:
    from longtake.film_set.admission import Admission, AdmittedFilm, admit
    from longtake.film_set.loading import is_film_set, load
    from longtake.film_set.models import FilmSet, json_schema
    from longtake.film_set.planning import PlannedFilm, SetPlan, make
    from longtake.film_set.results import FilmOutcome, OutcomeState, SetResult, failed_rows, keep, latest
    from longtake.film_set.rows import RowProblem

__getattr__, __dir__ = exports(
    __name__,
    {
        "longtake.film_set.admission": ("Admission", "AdmittedFilm", "admit"),
        "longtake.film_set.loading": ("is_film_set", "load"),
        "longtake.film_set.models": ("FilmSet", "json_schema"),
        "longtake.film_set.planning": ("PlannedFilm", "SetPlan", "make"),
        "longtake.film_set.results": ("FilmOutcome", "OutcomeState", "SetResult", "failed_rows", "keep", "latest"),
        "longtake.film_set.rows": ("RowProblem",),
    },
)

__all__ = [
    "Admission",
    "AdmittedFilm",
    "FilmOutcome",
    "FilmSet",
    "OutcomeState",
    "PlannedFilm",
    "RowProblem",
    "SetPlan",
    "SetResult",
    "admit",
    "failed_rows",
    "is_film_set",
    "json_schema",
    "keep",
    "latest",
    "load",
    "make",
]
