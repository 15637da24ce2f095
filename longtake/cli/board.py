"""What several commands do first: read a storyboard with the settings of this shell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from longtake import request, settings, storyboard
from longtake.catalog import Catalog

if TYPE_CHECKING:
    from longtake.request import Resolved
    from longtake.settings import Settings


@dataclass(frozen=True, slots=True)
class Board:
    """A storyboard that passed every check, and what it was checked with."""

    settings: Settings
    catalog: Catalog
    resolved: Resolved
    film: str


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
