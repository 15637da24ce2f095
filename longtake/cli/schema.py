"""`longtake schema`: the JSON Schema of storyboards, for editors."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from longtake import storyboard

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command has no options."""
    del parser


def main(options: argparse.Namespace) -> int:
    """Print the schema."""
    del options
    print(json.dumps(storyboard.json_schema(), indent=2))
    return 0
