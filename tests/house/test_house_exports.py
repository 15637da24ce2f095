"""Every exported name is there, has a docstring, and is in the reference; type checkers see the names that are imported late."""

from __future__ import annotations

import ast
import importlib
import inspect
import itertools
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"
PAGES = {
    "longtake": "python.md",
    "longtake.studio": "python.md",
    "longtake.tasks": "blocks.md",
    "longtake.flows": "blocks.md",
    "longtake.blocks": "blocks.md",
}
"""Packages that users import from, and the page that documents each."""
LATE = ("longtake", "longtake.studio")
"""Packages whose names are imported when they are first used."""


def source(package: str) -> ast.Module:
    return ast.parse(Path(importlib.import_module(package).__file__).read_text(encoding="utf-8"))


def names_of(package: str) -> list[tuple[str, str]]:
    return [(package, name) for name in importlib.import_module(package).__all__]


def documented(package: str, name: str) -> bool:
    """Whether a value has a docstring of its own: on it, or below its assignment where it is an alias."""
    value = getattr(importlib.import_module(package), name)
    if inspect.isclass(value):
        return bool((vars(value).get("__doc__") or "").strip())
    if hasattr(value, "fn"):  # a flow or a task
        return bool((value.fn.__doc__ or "").strip())
    for node in ast.walk(source(package)):
        if isinstance(node, ast.ImportFrom) and any(alias.name == name for alias in node.names):
            body = source(node.module).body
            for statement, after in itertools.pairwise(body):
                targets = statement.targets if isinstance(statement, ast.Assign) else []
                if any(isinstance(target, ast.Name) and target.id == name for target in targets):
                    return isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
    return False


ALL = [pair for package in PAGES for pair in names_of(package)]


@pytest.mark.parametrize("package", PAGES)
def test_the_list_of_names_is_sorted_and_complete(package):
    module = importlib.import_module(package)
    assert module.__all__ == sorted(set(module.__all__))
    assert set(module.__all__) <= set(dir(module))


@pytest.mark.parametrize(("package", "name"), ALL)
def test_an_exported_name_is_there_and_has_a_docstring(package, name):
    assert getattr(importlib.import_module(package), name) is not None
    assert documented(package, name)


@pytest.mark.parametrize(("package", "name"), ALL)
def test_an_exported_name_is_in_the_reference(package, name):
    text = (REFERENCE / PAGES[package]).read_text(encoding="utf-8")
    assert re.search(rf"`(?:lt\.)?{name}\b", text), f"{PAGES[package]} does not name {name}"


@pytest.mark.parametrize("package", LATE)
def test_names_for_type_checkers_are_those_that_are_imported_late(package):
    tree = source(package)
    (block,) = [
        node for node in tree.body if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"
    ]
    for_checkers = {
        (node.module, alias.name) for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    (call,) = [
        node for node in ast.walk(tree) if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "exports"
    ]
    late = {(home, name) for home, names in ast.literal_eval(call.args[1]).items() for name in names}
    assert for_checkers == late
    assert sorted(name for _, name in late) == importlib.import_module(package).__all__


@pytest.mark.parametrize("package", LATE)
def test_a_name_that_is_not_there_is_an_attribute_error(package):
    with pytest.raises(AttributeError, match=f"module '{package}' has no attribute 'Director'"):
        _ = importlib.import_module(package).Director
