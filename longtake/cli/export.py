"""`longtake export`: a film's edit for an editing program."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, get_args

from longtake import settings as env
from longtake.cli.waiting import Waiting
from longtake.export.files import ExportForm
from longtake.studio.exporting import export

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument(
        "film", metavar="FILM", help="the film's storyboard, its slug, <film>/<digest>, or its manifest's path or URI"
    )
    parser.add_argument(
        "--to",
        choices=get_args(ExportForm),
        default="folder",
        help="one file, or a folder with all three and the clips",
    )
    parser.add_argument("--out", metavar="PATH", help="where to (named after the film, in this folder)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def main(options: argparse.Namespace) -> int:
    """Write it and say where it is."""
    with Waiting("copying") as waiting:
        done = export(options.film, options.to, options.out, settings=env.from_environment(), on_progress=waiting.share)
    if options.json:
        print(json.dumps({"path": str(done.path), "files": done.files, "notes": list(done.notes)}, indent=2))
        return 0
    print(f"{done.path}: {done.files} file{'s' * (done.files != 1)}")
    for note in done.notes:
        print(f"note: {note}", file=sys.stderr)
    return 0
