"""The folder that a server works in: storyboards are read from inside it and from nowhere else."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from longtake import storyboard as boards
from longtake.errors import SettingsError

if TYPE_CHECKING:
    from longtake.settings import S3Settings
    from longtake.storyboard import Loaded

_ENDINGS = {".yaml", ".yml", ".json"}
_LONGEST = 1000
"""Characters of a path."""
_SHOWN = 80


class Folder:
    """Reads storyboards below one folder. Paths from callers are not trusted.

    Args:
        root: the folder; the process works in it, so that relative settings start there too.

    Raises:
        SettingsError: it is not a folder.
    """

    def __init__(self, root: Path) -> None:
        try:
            self.root = root.resolve(strict=True)
        except (OSError, RuntimeError):
            self.root = root
        if not self.root.is_dir():
            raise SettingsError(f"{root} is not a folder", next_step="name the folder with your storyboards")

    def board(self, place: str, *, s3: S3Settings) -> Loaded:
        """Read a storyboard. Its problems stay on it. Files that it names outside the folder are problems when it is resolved.

        Raises:
            SettingsError: the path does not name a YAML or JSON file inside the folder.
            StoryboardError: the file is not a mapping in YAML or JSON.
        """
        return replace(boards.load_any(str(self.inside(place)), s3=s3), within=self.root)

    def inside(self, place: str) -> Path:
        """The path of a storyboard from the folder, with all links followed.

        Raises:
            SettingsError: it is absolute, a URL, hidden, leads outside, or does not end like a storyboard.
        """
        path = PurePosixPath(place)
        plain = place and len(place) <= _LONGEST and place.isprintable() and "\\" not in place and ":" not in place
        if not plain or path.is_absolute() or ".." in path.parts or place.startswith("~"):
            raise _refused(place)
        try:
            found = (self.root / path).resolve()
        except (OSError, RuntimeError, ValueError):
            raise _refused(place) from None
        if not found.is_relative_to(self.root):
            raise _refused(place)
        inside = found.relative_to(self.root)
        # A dotfile may hold a key, and the problems of a file quote it.
        if inside.suffix not in _ENDINGS or any(part.startswith(".") for part in inside.parts):
            raise _refused(place)
        return inside


def _refused(place: str) -> SettingsError:
    shown = json.dumps(place[:_SHOWN])
    return SettingsError(
        f"{shown} is not a storyboard inside the folder of this server",
        next_step="name a .yaml, .yml or .json file by its path from that folder, without `..`",
    )
