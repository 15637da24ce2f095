"""`longtake review`: look at a film's takes in the browser and decide."""

from __future__ import annotations

import os
import sys
import webbrowser
from typing import TYPE_CHECKING

from longtake import settings as env
from longtake.cli import login
from longtake.review import Review, ReviewServer

if TYPE_CHECKING:
    import argparse

    from longtake.review import Approvals


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("board", metavar="FILM", help="the film's storyboard, YAML or JSON")
    parser.add_argument("--by", metavar="NAME", help="who decides (the login name)")
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (a free one)")
    parser.add_argument("--no-browser", action="store_true", help="print the address and open nothing")


def main(options: argparse.Namespace) -> int:
    """Serve the page until Ctrl-C."""
    review = Review(options.board, env.from_environment(), approvals=_approvals())
    review.state()  # bad input ends it here
    server = ReviewServer(review, by=options.by or login(), port=options.port)
    print(f"review: {server.url}", flush=True)
    print("Ctrl-C ends it. Anyone who has this address may decide.", file=sys.stderr)
    if not options.no_browser:
        webbrowser.open(server.opener().as_uri())
    try:
        server.serve()
    except KeyboardInterrupt:
        return 0
    finally:
        server.close()
    return 0


def _approvals() -> Approvals | None:
    """Runs that wait at a Prefect server; None where the environment names none."""
    if not os.environ.get("PREFECT_API_URL"):
        return None
    from longtake.prefect.waiting_runs import WaitingRuns

    return WaitingRuns()
