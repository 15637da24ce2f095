"""The film: which takes, joined how, named after the digest of exactly that; made once and kept with its manifest."""

from longtake.film.joining import join
from longtake.film.keeping import Film
from longtake.film.rebuilding import Rebuilt, rebuild
from longtake.film.rendering import check_tools, plan_render

__all__ = ["Film", "Rebuilt", "check_tools", "join", "plan_render", "rebuild"]
