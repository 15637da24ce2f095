"""`longtake up`: a Prefect server, work pools and workers on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from longtake.errors import SettingsError
from longtake.prefect.ops import up

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument(
        "folder",
        metavar="FOLDER",
        nargs="?",
        default="longtake-up",
        help="where the server's database, the store and the logs go (longtake-up)",
    )
    parser.add_argument("--port", type=int, default=up.PORT, help=f"port of the server; 0 takes a free one ({up.PORT})")


def main(options: argparse.Namespace) -> int:
    """Run the server and the workers until Ctrl-C.

    Raises:
        SettingsError: the port or the folder cannot be used; nothing was started.
        LongtakeError: the server or the emulator did not start.
    """
    if not 0 <= options.port <= 65535:
        raise SettingsError(f"--port is {options.port}; allowed: 0 to 65535", next_step="choose another port")
    return up.main(Path(options.folder), options.port)
