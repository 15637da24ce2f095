"""`longtake run`: check everything that can be checked for free, then become the Prefect flow.

The core never imports the flows: this process turns into `python -m flows.command`, so signals and the exit code are
the flow's own.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

from longtake.cli import board

if TYPE_CHECKING:
    import argparse


_PREFECT = {
    # Only where the profile names no server does Prefect start its own, for as long as the process lives.
    "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "true",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    # The log goes to the API, for the UI; at the terminal the flow shows its own lines.
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_EXTRA_LOGGERS": "longtake",
    # What could not be sent to an API that went away is told once, by the flow.
    "PREFECT_LOGGING_INTERNAL_LEVEL": "CRITICAL",
}
"""Settings of Prefect for a run at a terminal, read when it is imported; what is set in the shell goes before them."""

SIGNALS = frozenset({signal.SIGINT, signal.SIGTERM})
"""What stops a run. They wait while the flow is being loaded and are taken when it can be stopped in good order."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("board", metavar="BOARD", help="a storyboard, YAML or JSON")
    parser.add_argument("--renew-stale", action="store_true", help="buy shots again that were made from an older input")
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end")


def main(options: argparse.Namespace) -> int:
    """Replace this process by the flow; returns only when the storyboard or the settings are unusable."""
    board.read(options.board).settings.key()
    arguments = [options.board]
    arguments += ["--renew-stale"] if options.renew_stale else []
    arguments += ["--json"] if options.json else []
    sys.stdout.flush()
    # -P: a folder `flows/` in the working directory belongs to somebody else.
    command = [sys.executable, "-P", "-m", "flows.command", *arguments]
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    os.execve(sys.executable, command, {**_PREFECT, **os.environ})  # noqa: S606 - no shell is wanted
