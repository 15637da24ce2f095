"""Every page of the docs: links lead somewhere, storyboards plan clean, commands and imports are there, pages are short."""

from __future__ import annotations

import ast
import contextlib
import importlib
import importlib.util
import inspect
import json
import re
import shlex
import wave
from typing import TYPE_CHECKING

import pytest
from doc_pages import (
    DOCS,
    PAGES,
    REFERENCE,
    ROOT,
    blocks_of,
    options_of,
    page_name,
    parser_of,
    rows_of,
    sections_of,
    variables_in_code,
    without_code,
)
from pictures import png

import longtake
from longtake import catalog, cli, errors, request, storyboard
from longtake.cli import main

if TYPE_CHECKING:
    from pathlib import Path

PUBLISHED = (
    "https://github.com/longtake/longtake/blob/main/",
    "https://raw.githubusercontent.com/longtake/longtake/main/",
)
"""Where this repository's files lie for a page that is read elsewhere: pages, and pictures."""

ELSEWHERE = {"prefect_dask", "matplotlib"}
"""Modules of packages that a page installs and this environment may lack."""


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ +(.*)$", without_code(page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_every_link_into_this_repository_leads_somewhere(page):
    for link in re.findall(r"\]\(([^)\s]+)\)", without_code(page.read_text())):
        base = next((base for base in PUBLISHED if link.startswith(base)), "")
        if not base and link.startswith(("http://", "https://")):
            continue
        path, _, anchor = link.removeprefix(base).partition("#")
        target = ((ROOT if base else page.parent) / path).resolve() if path else page
        assert target.is_relative_to(ROOT), link
        assert target.exists(), link
        if anchor:
            assert anchor in _anchors(target), link


def test_links_and_pictures_of_the_readme_are_absolute():
    # A package index shows the page without the files next to it.
    pages, pictures = PUBLISHED
    for picture, link in re.findall(r"(!?)\[[^\]]*\]\(([^)\s]+)\)", without_code((ROOT / "README.md").read_text())):
        assert link.startswith(pictures if picture else ("https://", "http://127.0.0.1")), link
        assert picture or not link.startswith(pictures), f"{link}: link the page {pages}…"


def _storyboards() -> list[tuple[str, str]]:
    return [
        (f"{page_name(page)} {number}", text)
        for page in PAGES
        for number, text in enumerate(blocks_of(page, "yaml"))
        if "schema: longtake/1" in text and "{{" not in text  # a template is planned by its set
    ]


def _write_media(folder: Path, name: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".wav":
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(8000)
            file.writeframes(bytes(16000))
        return
    assert path.suffix == ".png", f"teach this test to write {name}"
    path.write_bytes(png(0, 320, 320))


@pytest.fixture
def _clean_settings(monkeypatch, tmp_path):
    for name in variables_in_code():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("_clean_settings")
@pytest.mark.parametrize(("name", "text"), _storyboards(), ids=lambda v: v.replace(" ", "-") if len(v) < 80 else "")
def test_every_storyboard_in_the_docs_plans_clean(name, text, tmp_path, capsys):
    board = tmp_path / "film.yaml"
    board.write_text(text)
    for media in re.findall(r"[\w/.-]+\.(?:png|wav)\b", text):
        _write_media(tmp_path, media)
    assert main(["plan", str(board), "--json"]) == 0, name
    plan = json.loads(capsys.readouterr().out)
    assert plan["shots"]
    assert plan["refusals"] == []
    assert request.resolve(storyboard.load(board), catalog.Catalog.load()).shots


def test_there_are_storyboards_in_the_docs():
    assert len(_storyboards()) >= 2


def _commands() -> list[tuple[str, str]]:
    found = []
    for page in PAGES:
        for block in blocks_of(page, "console"):
            found += [(page_name(page), line[2:]) for line in block.splitlines() if line.startswith("$ ")]
    return found


def _words(line: str) -> list[str]:
    words = shlex.split(line, comments=True)
    while words and re.match(r"[A-Z_]+=", words[0]):
        words.pop(0)
    return words


@pytest.mark.parametrize(("page", "line"), [pair for pair in _commands() if _words(pair[1])[:1] == ["longtake"]])
def test_every_longtake_command_in_the_docs_is_one(page, line):
    words = _words(line)[1:]
    with contextlib.redirect_stderr(None):
        try:
            cli.parsed(words)
        except (SystemExit, errors.LongtakeError) as error:
            pytest.fail(f"{page}: {line}: {error}")


def test_every_make_target_in_the_docs_is_one():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    asked = {words[1] for _, line in _commands() if (words := _words(line))[0] == "make"}
    for page in PAGES:
        asked |= set(re.findall(r"`make ([a-z-]+)`", page.read_text()))
    assert {"demo", "test"} <= asked <= targets


def _mentions() -> list[tuple[str, str]]:
    found = []
    for page in PAGES:
        found += [
            (page_name(page), words) for words in re.findall(r"`longtake ([^`]+)`", without_code(page.read_text()))
        ]
    return found


def test_every_longtake_command_named_in_a_sentence_exists():
    for page, words in _mentions():
        first = words.split()[0]
        if first.startswith("--") or first == "COMMAND":
            continue
        assert first in cli.COMMANDS, f"{page}: longtake {words}"
        for option in re.findall(r"--[a-z-]+", words):
            assert option in options_of(parser_of(first)), f"{page}: longtake {words}"


def _automations() -> list[tuple[str, str]]:
    texts = [(page_name(page), text) for page in PAGES for text in blocks_of(page, "yaml")]
    return [(page, text) for page, text in texts if text.startswith("name:") and "trigger:" in text]


def test_every_automation_in_the_docs_is_one():
    from prefect.events.schemas.automations import AutomationCore, EventTrigger
    from ruamel.yaml import YAML

    found = [AutomationCore.model_validate(YAML(typ="safe").load(text)) for _, text in _automations()]
    assert {action.type for one in found for action in one.actions} == {"send-notification", "run-deployment"}
    events = set(rows_of(sections_of(DOCS / "how-to" / "alerts.md")["The events"]))
    for one in found:
        assert isinstance(one.trigger, EventTrigger)
        assert set(one.trigger.expect) <= events


def test_every_deployment_in_the_docs_names_a_flow_with_its_parameters():
    from ruamel.yaml import YAML

    texts = [text for page in PAGES for text in blocks_of(page, "yaml") if "deployments:" in text]
    texts.append((ROOT / "deployments.yaml").read_text())
    assert len(texts) >= 2
    for text in texts:
        for deployment in YAML(typ="safe").load(text)["deployments"]:
            module, _, name = deployment["entrypoint"].rpartition(".")
            flow = getattr(importlib.import_module(module), name)
            assert set(deployment["parameters"]) <= set(inspect.signature(flow.fn).parameters)
            # Prefect ignores keys it does not know.
            known = "name entrypoint description tags parameters schedules work_pool concurrency_limit"
            assert set(deployment) <= set(known.split())


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_python_in_the_docs_imports_what_is_there(page):
    for text in blocks_of(page, "python"):
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom) and node.module:
                if node.module in ELSEWHERE and importlib.util.find_spec(node.module) is None:
                    continue
                module = importlib.import_module(node.module)
                for alias in node.names:
                    # A module is an attribute of its package only once something imported it.
                    inside = hasattr(module, "__path__") and importlib.util.find_spec(f"{node.module}.{alias.name}")
                    assert inside or hasattr(module, alias.name), f"from {node.module} import {alias.name}"


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=page_name)
def test_a_page_is_short_and_has_one_title(page):
    text = page.read_text()
    # A reference has as many rows as the product has options.
    shown = re.sub(r"^<!-- run: .* -->\n\n?", "", text, flags=re.MULTILINE)
    assert len(shown.splitlines()) <= (280 if page.parent == REFERENCE else 165)
    assert len(re.findall(r"^# ", without_code(text), re.MULTILINE)) == 1


def test_the_version_is_in_the_changelog():
    assert longtake.__version__ in (ROOT / "CHANGELOG.md").read_text()
