"""The site: its first page says what the product does, its pages are made of the repository, and each is in its navigation."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pages
import pytest

from longtake.cli import main

ROOT = Path(__file__).resolve().parents[2]
HOME = (ROOT / "docs" / "index.md").read_text()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The pages as the site generator gets them."""
    made = tmp_path_factory.mktemp("site") / "docs"
    pages.main(made)
    return made


def _block(language: str) -> str:
    return re.findall(rf"^```{language}\n(.*?)^```", HOME, re.MULTILINE | re.DOTALL)[-1]


def test_the_first_page_shows_film_plan_page_and_at_most_ten_lines_of_python():
    assert 'src="img/lighthouse.mp4"' in HOME
    assert "img/page.jpg" in HOME
    assert len([line for line in _block("python").splitlines() if line]) <= 10


def test_the_plan_on_the_first_page_is_that_of_the_example(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("LONGTAKE_STORE", str(tmp_path))
    assert main(["plan", str(ROOT / "examples" / "lighthouse.yaml")]) == 0
    printed = capsys.readouterr().out
    for line in filter(None, _block("text").splitlines()):
        assert line.partition(" (")[0] in printed


def test_every_page_of_the_site_is_in_its_navigation_once(folder):
    named = re.findall(r"^ +- (?:.*?: )?(\S+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE)
    assert sorted(named) == sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.md"))


def test_links_lead_to_pages_of_the_site_or_to_the_repository(folder):
    for path in folder.rglob("*.md"):
        for link in re.findall(r"\]\(([^)\s#]+)", pages.FENCE.sub("", path.read_text())):
            if link.startswith(pages.BLOB):
                assert (ROOT / link.removeprefix(pages.BLOB)).exists(), link
                assert not pages.page_of(link.removeprefix(pages.BLOB)), f"{path.name}: {link} is a page of the site"
            elif not re.match(r"[a-z]+:", link):
                assert (path.parent / link).exists(), f"{path.name}: {link}"


def test_the_api_names_what_each_package_exports(folder):
    import longtake
    from longtake import blocks, errors, flows, tasks

    for package in (longtake, blocks, errors, flows, tasks):
        text = (folder / "api" / f"{package.__name__}.md").read_text()
        shown = {place.rpartition(".")[2] for place in re.findall(r"^::: (\S+)$", text, re.MULTILINE)}
        wanted = getattr(package, "__all__", None) or [n for n, v in vars(package).items() if isinstance(v, type)]
        assert {name for name in wanted if not name.startswith("_")} - shown <= {"Literal", "Path", "Any"}, package


def test_the_tutorial_is_a_notebook_too(folder):
    notebook = json.loads((folder / "tutorial.ipynb").read_text())
    code = [cell["source"] for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert "%%bash\nlongtake plan film.yaml" in "\n".join(code)
    assert all(not cell["outputs"] for cell in notebook["cells"] if cell["cell_type"] == "code")
