"""The provider contract: sections that are cited exist, its numbers are the catalog's, and nothing cites another source."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest

from longtake.catalog import Catalog
from longtake.provider.error_codes import CODES

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "reference" / "provider-contract.md"
FOLDERS = ("bench", "docs", "examples", "longtake", "tests")
SUFFIXES = {".md", ".py", ".pyi", ".toml", ".txt", ".yaml", ".yml", ".json", ".example", ".html", ".ipynb"}
CATALOG = Catalog.load()


def sources() -> dict[str, str]:
    """Every text file of the repository with its name."""
    paths = [path for path in ROOT.iterdir() if path.is_file()]
    for folder in FOLDERS:
        paths += [path for path in (ROOT / folder).rglob("*") if path.is_file() and "out" not in path.parts]
    return {path.relative_to(ROOT).as_posix(): path.read_text() for path in paths if path.suffix in SUFFIXES}


def rows(text: str) -> dict[str, list[str]]:
    """Cells of table rows by the name in code marks of the first one."""
    found = {}
    for line in text.splitlines():
        if match := re.match(r"\| `([^`]+)`", line):
            found[match[1]] = [cell.strip() for cell in line.strip("|").split("|")]
    return found


def test_every_cited_section_exists():
    sections = set(re.findall(r"^## §(\d+) ", PAGE.read_text(), re.MULTILINE))
    cited: dict[str, set[str]] = {}
    for name, text in sources().items():
        # `provider-contract.md §2, §4 and §5` cites three.
        for group in re.findall(r"provider-contract\.md((?:,?(?: and| to)?\s+§\d+)+)", text):
            cited.setdefault(name, set()).update(re.findall(r"§(\d+)", group))
    assert len(cited) > 20
    for name, numbers in cited.items():
        assert numbers <= sections, name


def test_no_file_cites_a_contract_that_is_not_in_the_repository():
    words = ("FIND" + "INGS", "reapi" + "-contract")
    for name, text in sources().items():
        assert not [word for word in words if word in text], name
        assert not re.search(r"(?<!-)\b[Cc]ontract §", text), name


@pytest.mark.parametrize("model", [m for m in CATALOG.models.values() if not all(r.planning for r in m.rates.values())])
def test_published_rates_are_those_of_the_catalog(model):
    text = PAGE.read_text().partition("## §2")[2].partition("## §3")[0]
    cells = rows(text)[model.id]
    assert cells[-1] == str(next(iter(model.rates.values())).as_of)
    for resolution, cell in zip(("480p", "720p", "1080p", "4k"), cells[1:5], strict=True):
        rate = model.rates.get(resolution)
        if rate is None:
            assert cell == "–"
            continue
        plain, _, with_video = cell.partition(" / ")
        assert Decimal(plain) == rate.usd
        assert with_video == "?" if rate.source_with_video else Decimal(with_video) == rate.usd_with_video


def test_sizes_of_clips_are_those_of_the_catalog():
    text = PAGE.read_text().partition("## §5")[2].partition("## §6")[0]
    launched, second = CATALOG.model("doubao-seedance-2.5-face"), CATALOG.model("doubao-seedance-2.0")
    found = dict(re.findall(r"^\| (\d+:\d+) \|(.*)\|$", text, re.MULTILINE))
    assert set(found) == set(launched.size.values) - {"adaptive"}
    for ratio, line in found.items():
        for resolution, cell in zip(("480p", "720p", "1080p"), line.split("|"), strict=True):
            sizes = [tuple(map(int, size.split("×"))) for size in cell.strip().split(" / ")]
            assert sizes[0] == launched.pixels(ratio, resolution)
            assert sizes[-1] == second.pixels(ratio, resolution)


def test_every_code_that_the_client_acts_on_is_on_the_page():
    text = PAGE.read_text().partition("## §3")[2].partition("## §4")[0]
    ranges = [range(int(first), int(last) + 1) for first, last in re.findall(r"(\d{5})–(\d{5})", text)]
    for code in CODES:
        assert str(code) in text or any(code in one for one in ranges) or 20000 <= code < 30000, code
