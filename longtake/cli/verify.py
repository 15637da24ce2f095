"""`longtake verify`: what a film says of itself, and whether that holds."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from longtake import film as films

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("file", metavar="FILE", type=Path, help="an MP4 file")
    parser.add_argument("--trust", metavar="FILE", type=Path, help="certificates (PEM) of issuers to trust")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def main(options: argparse.Namespace) -> int:
    """Print the marks; 1 where there are none or they do not hold."""
    found = films.verify(options.file, trust=options.trust)
    holds = found.holds and found.trusted is not False
    if options.json:
        print(json.dumps(asdict(found) | {"holds": holds}, indent=2))
        return 0 if holds else 1
    print(f"metadata:  {found.source_type or 'none'}")
    print(f"signature: {f'by {found.signed_by}' if found.signed_by else 'none'}")
    if found.trusted is not None:
        print(f"issuer:    {'trusted' if found.trusted else 'unknown'}")
    if found.takes:
        print(f"takes:     {len(found.takes)}, made by {', '.join(found.models)}")
    for problem in found.problems:
        print(f"problem:   {problem}")
    print(
        "the marks hold"
        if holds
        else "the marks do not hold"
        if found.holds or found.problems
        else "there are no marks"
    )
    return 0 if holds else 1
