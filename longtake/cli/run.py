"""`longtake run`: check everything that can be checked for free, then become the Prefect flow.

The core never imports the flows: this process turns into `python -m flows.command`, so signals and the exit code are
the flow's own.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, NoReturn

from longtake.cli import board
from longtake.errors import SettingsError

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
    parser.add_argument("board", metavar="BOARD", nargs="?", help="a storyboard, YAML or JSON")
    board.add_choices(parser)
    parser.add_argument(
        "--from-manifest",
        metavar="PLACE",
        help="join a film again from its manifest and the store alone; costs nothing",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end")


def main(options: argparse.Namespace) -> int:
    """Replace this process by the flow; returns only when a film was joined from a manifest.

    Raises:
        SettingsError, StoryboardError, CatalogError: the storyboard, the options or the settings are unusable.
    """
    if options.from_manifest is not None and not (options.board or options.redo or options.follow):
        from longtake.cli import rebuild

        return rebuild.main(options.from_manifest, as_json=options.json)
    if options.board is None or options.from_manifest is not None:
        raise SettingsError(
            "run wants either a storyboard or --from-manifest, which takes no other options",
            next_step="`longtake run film.yaml`, or `longtake run --from-manifest FILM/DIGEST`",
        )
    board.read(options.board).settings.key()
    return _become_the_flow(options)


def _become_the_flow(options: argparse.Namespace) -> NoReturn:
    arguments = [options.board]
    for shot in options.redo:
        arguments += ["--redo", shot]
    arguments += ["--follow", options.follow] if options.follow else []
    arguments += ["--json"] if options.json else []
    sys.stdout.flush()
    # -P: a folder `flows/` in the working directory belongs to somebody else.
    command = [sys.executable, "-P", "-m", "flows.command", *arguments]
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    os.execve(sys.executable, command, {**_PREFECT, **os.environ})  # noqa: S606 - no shell is wanted
