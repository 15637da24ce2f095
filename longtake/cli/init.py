"""`longtake init`: write a project: deployments, an example storyboard and a template for settings."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from longtake.errors import SettingsError

if TYPE_CHECKING:
    import argparse

FILES = {
    "README.md": "README.md",
    "deployments.yaml": "deployments.yaml",
    "examples/lighthouse.yaml": "lighthouse.yaml",
    ".env.example": "env.example",
}
"""The files of a project, and the files of `longtake/cli/project` they are copies of."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("folder", metavar="DIR", nargs="?", default=".", help="where to write it (this folder)")


def main(options: argparse.Namespace) -> int:
    """Write the project; if one of its files exists, nothing is written.

    Raises:
        SettingsError: files are there already, or the folder cannot be written.
    """
    folder = Path(options.folder)
    if there := [name for name in FILES if (folder / name).exists()]:
        verb = "exists" if len(there) == 1 else "exist"
        raise SettingsError(
            f"{', '.join(str(folder / name) for name in there)} {verb} already", next_step="choose another folder"
        )
    templates = resources.files("longtake.cli").joinpath("project")
    try:
        for name, template in FILES.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            with (folder / name).open("xb") as file:
                file.write(templates.joinpath(template).read_bytes())
    except OSError as error:
        raise SettingsError(
            f"{error.filename or folder} cannot be written: {error.strerror}", next_step="choose another folder"
        ) from None
    print("\n".join(str(folder / name) for name in FILES))
    print(f"\nnow, in {folder.absolute()}: `longtake up`, and `longtake deploy` in another terminal")
    return 0
