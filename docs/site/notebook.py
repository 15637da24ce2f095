"""A page of shell commands as a Jupyter notebook: each block is a cell, exports hold for the cells below, servers run behind it."""

from __future__ import annotations

import json
import re
import shlex
from typing import TYPE_CHECKING, Any

from page import SHELL, Block, parts

if TYPE_CHECKING:
    from collections.abc import Iterator

BLOB = "https://github.com/longtake/longtake/blob/main/docs/"
LINK = re.compile(r"(\]\()(?![a-z]+:|#)([^)\s]+)(\))")


def text(markdown: str) -> str:
    """The notebook as a file."""
    cells = [{"id": f"cell-{number}", "metadata": {}, **cell} for number, cell in enumerate(_cells(parts(markdown)))]
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    return json.dumps({"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}, indent=1) + "\n"


def _cells(pieces: list[str | Block]) -> Iterator[dict[str, Any]]:
    prose = ""
    for piece in pieces:
        if isinstance(piece, str):
            prose += LINK.sub(rf"\g<1>{BLOB}\g<2>\g<3>", piece)
        elif piece.language not in SHELL or piece.how.startswith("not here"):
            prose += f"```{piece.language}\n{piece.text}```\n"
        else:
            if prose.strip():
                yield _markdown(prose)
            prose = ""
            yield from _code(piece)
    if prose.strip():
        yield _markdown(prose)


def _code(block: Block) -> Iterator[dict[str, Any]]:
    """Cells of a block: of its exports, and of its other commands."""
    commands = []
    for line in block.commands.splitlines():
        words = shlex.split(line, comments=True)
        if words[:1] == ["export"]:
            yield _cell("\n".join("%env " + word for word in words[1:]))
        elif words and words[0] != "." and "venv" not in words:
            commands.append(line)
    if commands:
        if block.how == "background":
            magic = "%%bash --bg --proc server"
        elif block.how.startswith("exit "):
            magic = "%%bash --no-raise-error"
        else:
            magic = "%%bash"
        yield _cell("\n".join([magic, *commands]))


def _cell(source: str) -> dict[str, Any]:
    return {"cell_type": "code", "execution_count": None, "outputs": [], "source": source}


def _markdown(source: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "source": source.strip("\n")}
