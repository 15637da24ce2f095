"""`longtake import`: an edit that comes back becomes decisions of the storyboard."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from longtake import settings as env
from longtake.studio.importing import import_edit

if TYPE_CHECKING:
    import argparse

    from longtake.plan import Plan

_NAMED = 12
"""Shots that are named; the others are counted."""


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
        said = {
            "path": str(done.path),
            "changes": done.changes,
            "left_out": done.left_out,
            "written": done.written,
            "expected": done.plan.expected,
            "reserve": done.plan.reserve,
            "to_buy": [shot.shot for shot in done.plan.shots if shot.to_buy],
        }
        print(json.dumps(said, indent=2))
        return 0
    print("\n".join(done.changes) or "the edit changes nothing")
    for one in done.left_out:
        print(f"left out: {one}", file=sys.stderr)
    print(_price(done.plan))
    if done.written:
        print(f"{done.path} is changed: `longtake plan {done.path}` says what the film needs now")
    return 0


def _price(plan: Plan) -> str:
    """What the next run buys with the edit's decisions."""
    shots = [shot.shot for shot in plan.shots if shot.to_buy]
    if not shots:
        return "the next run buys nothing: 0 credits"
    more = f" and {len(shots) - _NAMED} more" if len(shots) > _NAMED else ""
    named = ", ".join(shots[:_NAMED])
    return f"the next run buys {named}{more}: {plan.expected} credits expected, {plan.reserve} reserved"
