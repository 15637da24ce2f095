"""Tests go through what is public: none reads, imports or replaces a private name of Longtake."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OF_OTHERS = {"_actions"}
"""Private names of Longtake that argparse has as well."""
BY_NAME = {"getattr", "setattr", "delattr"}
"""Calls that are given a name as text."""


def private(name: str) -> bool:
    """Whether a name is private by its form; `_repr_html_` and its kind are protocols of others."""
    return name.startswith("_") and not name.startswith("__") and not name.endswith("_")


def defined(tree: ast.Module) -> set[str]:
    """Every private name that a module gives a meaning."""
    names = {
        getattr(node, "name", None) or getattr(node, "id", None) or getattr(node, "attr", "")
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        or isinstance(getattr(node, "ctx", None), ast.Store)
    }
    return {name for name in names if private(name)}


def reached(node: ast.AST) -> list[str]:
    """The names that a node reaches for in something else: an attribute, an import, or a name given as text."""
    if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") not in {"self", "cls"}:
        return [node.attr]
    if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("longtake"):
        return [*node.module.split("."), *(alias.name for alias in node.names)]
    if isinstance(node, ast.Call) and (getattr(node.func, "attr", "") or getattr(node.func, "id", "")) in BY_NAME:
        return [
            arg.value.rpartition(".")[2]
            for arg in node.args
            if isinstance(arg, ast.Constant) and isinstance(arg.value, str)
        ]
    return []


def trees(folder: str) -> list[tuple[Path, ast.Module]]:
    return [(path, ast.parse(path.read_text(encoding="utf-8"))) for path in sorted((ROOT / folder).rglob("*.py"))]


@pytest.mark.slow
def test_no_test_reaches_for_a_private_name():
    ours = {name for folder in ("longtake", "flows", "tasks") for _, tree in trees(folder) for name in defined(tree)}
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {name}"
        for path, tree in trees("tests")
        for node in ast.walk(tree)
        for name in reached(node)
        if name in ours - OF_OTHERS
    ]
    assert found == []
