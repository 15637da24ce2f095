"""`longtake schema`: the JSON Schema of storyboards and film sets, for editors, or of manifests."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("--set", action="store_true", help="the schema of a film set")
    parser.add_argument(
        "--manifest", action="store_true", help="the schema of the manifest that is stored next to a film"
    )


def main(options: argparse.Namespace) -> int:
    """Print the schema."""
    if options.manifest:
        from longtake.manifest import json_schema
    elif options.set:
        from longtake.film_set import json_schema
    else:
        from longtake.storyboard import json_schema
    print(json.dumps(json_schema(), indent=2))
    return 0
