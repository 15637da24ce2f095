"""`longtake import`: an edit that comes back becomes decisions of the storyboard."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from longtake import settings as env
from longtake.studio.importing import import_edit

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("edit", metavar="EDIT", help="an OpenTimelineIO file of an exported film")
    parser.add_argument("--into", metavar="BOARD", required=True, help="the film's storyboard, YAML or JSON")
    parser.add_argument("--dry-run", action="store_true", help="say what would change, and write nothing")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def main(options: argparse.Namespace) -> int:
    """Change the storyboard and say how."""
    done = import_edit(options.edit, options.into, settings=env.from_environment(), dry_run=options.dry_run)
    if options.json:
        said = {"path": str(done.path), "changes": done.changes, "left_out": done.left_out, "written": done.written}
        print(json.dumps(said, indent=2))
        return 0
    print("\n".join(done.changes) or "the edit changes nothing")
    for one in done.left_out:
        print(f"left out: {one}", file=sys.stderr)
    if done.written:
        print(f"{done.path} is changed: `longtake plan {done.path}` says what the film needs now")
    return 0
