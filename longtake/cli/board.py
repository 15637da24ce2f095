"""What several commands do first: read a storyboard with the settings of this shell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

from longtake import request, settings, storyboard
from longtake.catalog import Catalog
from longtake.storyboard import Follow

if TYPE_CHECKING:
    import argparse

    from longtake.request import Resolved
    from longtake.settings import Settings


@dataclass(frozen=True, slots=True)
class Board:
    """A storyboard that passed every check, and what it was checked with."""

    settings: Settings
    catalog: Catalog
    resolved: Resolved
    film: str


def add_choices(parser: argparse.ArgumentParser) -> None:
    """What `plan` and `run` both may be told about shots that are made anew."""
    parser.add_argument(
        "--redo", metavar="SHOT", action="append", default=[], help="make a new take of this shot; may be given again"
    )
    parser.add_argument(
        "--follow",
        choices=get_args(Follow),
        help="what becomes of the shots after one made anew: led to (bridge), bought again (cascade), used as they are (keep)",
    )


def read(source: str) -> Board:
    """Load and check a storyboard.

    Raises:
        StoryboardError: with every problem in it.
        SettingsError, CatalogError: the surroundings are unusable.
    """
    current = settings.from_environment()
    catalog = Catalog.load(current.catalog)
    resolved = request.resolve(storyboard.draft(source), catalog)
    return Board(current, catalog, resolved, storyboard.slug(resolved.loaded.board.title))
