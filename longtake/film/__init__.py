"""The film: which takes, joined how, named after the digest of exactly that; made once and kept with its manifest."""

from longtake.film.delivering import Deliverable, Delivered, DeliveredManifest, deliver
from longtake.film.film_objects import JoinedFilm, folder_of
from longtake.film.joining import join, join_takes
from longtake.film.locating import locate, newest
from longtake.film.marking import (
    MARKED_NAMES,
    Marks,
    Signing,
    check_marking,
    keep_marked,
    mark,
    marked_as,
    marked_key,
    verify,
)
from longtake.film.rebuilding import Rebuilt, rebuild
from longtake.film.rendering import check_tools, plan_render

__all__ = [
    "MARKED_NAMES",
    "Deliverable",
    "Delivered",
    "DeliveredManifest",
    "JoinedFilm",
    "Marks",
    "Rebuilt",
    "Signing",
    "check_marking",
    "check_tools",
    "deliver",
    "folder_of",
    "join",
    "join_takes",
    "keep_marked",
    "locate",
    "mark",
    "marked_as",
    "marked_key",
    "newest",
    "plan_render",
    "rebuild",
    "verify",
]
