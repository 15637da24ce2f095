"""`longtake new`: a starter storyboard."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from longtake import storyboard
from longtake.errors import SettingsError

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("board", metavar="FILE", help="where to write it, for example film.yaml")


def main(options: argparse.Namespace) -> int:
    """Write the starter; an existing file is left alone."""
    path = Path(options.board)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(storyboard.starter())
    except FileExistsError:
        raise SettingsError(f"{path} is there already", next_step="choose another name") from None
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error.strerror}", next_step="choose another place") from None
    print(f"{path}: now `longtake plan {path}`")
    return 0
