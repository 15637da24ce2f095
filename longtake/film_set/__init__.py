"""Film sets: many films from one storyboard and a table, judged, priced and made as one."""

from longtake.film_set.admission import Admission, AdmittedFilm, admit
from longtake.film_set.loading import is_film_set, load
from longtake.film_set.models import FilmSet, json_schema
from longtake.film_set.planning import PlannedFilm, SetPlan, make
from longtake.film_set.results import FilmOutcome, OutcomeState, SetResult, failed_rows, keep, latest
from longtake.film_set.rows import RowProblem

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
