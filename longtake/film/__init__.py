"""The film: which takes, joined how, named after the digest of exactly that; made once and kept with its manifest."""

from longtake.film.film_objects import JoinedFilm
from longtake.film.joining import join, join_takes
from longtake.film.locating import locate
from longtake.film.rebuilding import Rebuilt, rebuild
from longtake.film.rendering import check_tools, plan_render

__all__ = ["JoinedFilm", "Rebuilt", "check_tools", "join", "join_takes", "locate", "plan_render", "rebuild"]
