"""The film: which takes, joined how, named after the digest of exactly that; made once and kept with its manifest."""

from longtake.film.delivering import (
    Delivered,
    DeliveredManifest,
    deliver,
    deliver_all,
    find_copies,
    keep_delivered,
    wanted_of,
)
from longtake.film.film_objects import JoinedFilm, find, folder_of, place_of
from longtake.film.joining import join, join_takes
from longtake.film.locating import locate, newest
from longtake.film.marked_copies import HLS_NAMES, MARKED_NAMES, keep_marked, marked_key
from longtake.film.marked_hls import verify
from longtake.film.marking import check_marking, mark, marked_as
from longtake.film.marks import Marks
from longtake.film.rebuilding import Rebuilt, rebuild
from longtake.film.rendering import check_tools, plan_render
from longtake.film.signing import Signing

__all__ = [
    "HLS_NAMES",
    "MARKED_NAMES",
    "Delivered",
    "DeliveredManifest",
    "JoinedFilm",
    "Marks",
    "Rebuilt",
    "Signing",
    "check_marking",
    "check_tools",
    "deliver",
    "deliver_all",
    "find",
    "find_copies",
    "folder_of",
    "join",
    "join_takes",
    "keep_delivered",
    "keep_marked",
    "locate",
    "mark",
    "marked_as",
    "marked_key",
    "newest",
    "place_of",
    "plan_render",
    "rebuild",
    "verify",
    "wanted_of",
]
