"""Tell the mutants that change only words for people: messages of errors and of the log, next steps, reasons."""

from __future__ import annotations

import ast
import functools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_WORDS = {"next_step", "why", "reason", "note", "about", "hint"}
"""Arguments and names that hold a sentence."""


def is_about_words(folder: Path, mutant: str) -> bool:
    """Whether a mutant differs from the code only inside a sentence that people read."""
    module, _, name = mutant.rpartition(".")
    functions = _functions(folder / "mutants" / (module.replace(".", "/") + ".py"))
    original = functions[name.rpartition("__mutmut_")[0] + "__mutmut_orig"]
    way = _difference(original.body, functions[name].body, ())
    return way is not None and any(map(_is_words, way, (*way[1:], None)))


@functools.cache
def _functions(file: Path) -> dict[str, ast.FunctionDef | ast.AsyncFunctionDef]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def _difference(one: object, other: object, way: tuple[ast.AST, ...]) -> tuple[ast.AST, ...] | None:
    """The nodes from the outermost down to the first that differs; None where nothing does."""
    if isinstance(one, list) and isinstance(other, list):
        if len(one) != len(other):
            pairs = zip(one, [*other, None], strict=False)
            return (*way, next((a for a, b in pairs if b is None or ast.dump(a) != ast.dump(b)), None))
        found = (_difference(a, b, way) for a, b in zip(one, other, strict=True))
    elif isinstance(one, ast.AST) and isinstance(other, ast.AST):
        way = (*way, one)
        if type(one) is not type(other):
            return way
        found = (_difference(getattr(one, name, None), getattr(other, name, None), way) for name in one._fields)
    else:
        return None if one == other else way
    return next((each for each in found if each is not None), None)


def _is_words(node: ast.AST, inner: ast.AST | None) -> bool:
    """Whether the step from a node to one inside it leads into a sentence."""
    if isinstance(node, ast.keyword):
        return node.arg in _WORDS
    if isinstance(node, ast.Assign):
        targets = [each.attr if isinstance(each, ast.Attribute) else getattr(each, "id", "") for each in node.targets]
        return bool(_WORDS & set(targets))
    if not isinstance(node, ast.Call):
        return False
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if name == "line" or getattr(getattr(node.func, "value", None), "id", "") == "_log":
        return True
    return name.endswith("Error") and bool(node.args) and inner is node.args[0]
