"""The page about the house lists and draws the layers that the linter enforces, in their order."""

from __future__ import annotations

import re
import tomllib
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/explanation/house.md").read_text(encoding="utf-8")


def layers() -> list[list[str]]:
    """The rooms of each layer in `pyproject.toml`, from the top down."""
    contract = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ][0]
    return [[room for room in layer.split(" | ") if room != "version"] for layer in contract["layers"]]


def diagram(found: list[list[str]]) -> str:
    """The layers as a Mermaid flowchart: one box each, and an arrow to the layer below."""
    boxes = [rooms[0] if len(rooms) == 1 else f'{rooms[0]}["{" · ".join(rooms)}"]' for rooms in found]
    arrows = [f"    {upper} --> {lower}" for upper, lower in pairwise(boxes)]
    return "\n".join(["```mermaid", "flowchart TB", *arrows, "```"])


def test_the_page_has_each_layer_in_its_place():
    table = PAGE.partition("| layer | what it knows |")[2].partition("\n\n")[0]
    rows = [set(re.findall(r"`(\w+)`", line.split("|")[1])) for line in table.splitlines()[2:]]
    assert rows == [set(layer) for layer in layers()]


def test_the_page_has_the_diagram_of_the_layers_as_they_are():
    assert diagram(layers()) in PAGE, f"docs/explanation/house.md needs this diagram:\n{diagram(layers())}"
