"""`longtake catalog`: which models there are, what they take, what a second costs and how old each rate is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from longtake import settings as env
from longtake.catalog import Catalog

if TYPE_CHECKING:
    import argparse

    from longtake.catalog import ModelCard, Overview


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("model", metavar="MODEL", nargs="?", help="show this model whole")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def main(options: argparse.Namespace) -> int:
    """Print all models, or one.

    Raises:
        CatalogError: there is no such model (names the nearest), or a catalog file is unusable.
    """
    catalog = Catalog.load(env.from_environment().catalog)
    found: ModelCard | Overview = catalog.overview() if options.model is None else catalog.card(options.model)
    print(json.dumps(found.as_dict(), indent=2) if options.json else found)
    return 0
