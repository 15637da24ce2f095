"""The page about the house lists the layers that the linter enforces, in their order."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_page_has_each_layer_in_its_place():
    contract = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ][0]
    layers = [set(layer.split(" | ")) for layer in contract["layers"]]
    page = (ROOT / "docs/explanation/house.md").read_text(encoding="utf-8")
    table = page.partition("| layer | what it knows |")[2].partition("\n\n")[0]
    rows = [set(re.findall(r"`(\w+)`", line.split("|")[1])) for line in table.splitlines()[2:]]
    assert rows == [layer - {"version"} for layer in layers]
