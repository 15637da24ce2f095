"""`longtake mcp`: a server that agents drive by tools, on standard input and output."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from longtake import settings as env
from longtake.errors import SettingsError

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument(
        "folder", metavar="FOLDER", nargs="?", default=".", help="where storyboards are read from (this folder)"
    )


def main(options: argparse.Namespace) -> int:
    """Serve until the client closes standard input.

    Raises:
        SettingsError: the extra is not installed, or the folder or a setting is unusable.
    """
    if importlib.util.find_spec("mcp") is None:
        raise SettingsError("the MCP SDK is not installed", next_step="pip install 'longtake[mcp]'")
    from longtake.mcp.folder import Folder
    from longtake.mcp.server import serve

    folder = Folder(Path(options.folder))
    # Relative places of the settings, such as the store, start from the folder, whatever program starts the server.
    os.chdir(folder.root)
    settings = env.from_environment()
    if sys.stdin.isatty():
        print("longtake: an MCP client starts this and speaks JSON with it; Ctrl-C ends it", file=sys.stderr)
    serve(folder, settings)
    return 0
