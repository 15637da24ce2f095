"""Read a storyboard with the settings of this shell, for the commands that take one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from longtake import request, settings, storyboard
from longtake.catalog import Catalog
from longtake.storyboard import Downstream

if TYPE_CHECKING:
    import argparse

    from longtake.request import Resolved
    from longtake.settings import Settings


@dataclass(frozen=True, slots=True)
class CheckedStoryboard:
    """A storyboard that passed every check, and what it was checked with."""

    settings: Settings
    catalog: Catalog
    resolved: Resolved
    film: str


def add_choices(parser: argparse.ArgumentParser) -> None:
    """Add the options about retakes, which `plan` and `run` share."""
    parser.add_argument(
        "--retake", metavar="SHOT", action="append", default=[], help="buy a new take of this shot; may be given again"
    )
    parser.add_argument(
        "--downstream",
        choices=get_args(Downstream),
        help="what becomes of the shots after a retake: bridge pins the new take to the kept shot after it, cascade buys them "
        "again, keep uses them as they are (as the storyboard says)",
    )


def read(source: str) -> CheckedStoryboard:
    """Load and check a storyboard: a path, or a `file://`, `http(s)://` or `s3://` URL.

    Raises:
        StoryboardError: with every problem in it.
        SettingsError, CatalogError: a setting or the catalog is unusable.
        StoreError: the S3 server of the storyboard's URL cannot be read.
    """
    current = settings.from_environment()
    catalog = Catalog.load(current.catalog)
    resolved = request.resolve(storyboard.load_any(source, s3=current.s3), catalog)
    return CheckedStoryboard(current, catalog, resolved, storyboard.slug(resolved.loaded.board.title))


def place(path: str) -> str:
    """A storyboard's URL, or its absolute path: what a flow run has as its parameter."""
    return path if "://" in path else str(Path(path).absolute())
