"""The pages of the docs, and what tests read out of them."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import re
from pathlib import Path

from longtake import cli, settings

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]
REFERENCE = DOCS / "reference"


def page_name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def blocks_of(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


def sections_of(page: Path) -> dict[str, str]:
    """Text under each heading, by the heading without its marks."""
    parts = re.split(r"^#+ +(.*)$", without_code(page.read_text()), flags=re.MULTILINE)
    return {heading.replace("`", ""): text for heading, text in zip(parts[1::2], parts[2::2], strict=True)}


def without_code(text: str) -> str:
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


def rows_of(text: str) -> dict[str, str]:
    """Table rows by the names in code marks of their first cell."""
    found = {}
    for line in text.splitlines():
        if line.startswith("| `"):
            first = line.split("|")[1]
            found.update(dict.fromkeys(re.findall(r"`([^`]+)`", first), line))
    return found


def all_rows_of(page: Path) -> dict[str, str]:
    return rows_of(page.read_text())


def parser_of(command: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"longtake {command}")
    importlib.import_module(cli.COMMANDS[command].module).add_arguments(parser)
    return parser


def options_of(parser: argparse.ArgumentParser) -> set[str]:
    found: set[str] = set()
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for sub in action.choices.values():
                found |= options_of(sub)
        elif not isinstance(action, argparse._HelpAction):
            found |= {option for option in action.option_strings if option.startswith("--")}
            if not action.option_strings:
                found.add(str(action.metavar or action.dest))
    return found


def variables_in_code() -> set[str]:
    found = set(settings.VARIABLES.values())  # made of the fields' names
    for package in ("longtake", "flows", "tasks", "blocks"):
        for path in (ROOT / package).rglob("*.py"):
            found |= set(re.findall(r"\b(?:LONGTAKE|REAPI)_[A-Z_]*[A-Z]\b", path.read_text()))
    return found
