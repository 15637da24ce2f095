"""Film sets: many films from one storyboard and a table, judged, priced and made as one."""

from longtake.film_set.admission import Admission, AdmittedFilm, admit
from longtake.film_set.loading import is_film_set, load
from longtake.film_set.models import FilmSet, json_schema
from longtake.film_set.planning import PlannedFilm, SetPlan, make
from longtake.film_set.rows import RowProblem

__all__ = [
    "Admission",
    "AdmittedFilm",
    "FilmSet",
    "PlannedFilm",
    "RowProblem",
    "SetPlan",
    "admit",
    "is_film_set",
    "json_schema",
    "load",
    "make",
]
