"""No module of the core imports itself, not even through others and not even for types."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TIED = "longtake.storyboard."
"""One circle is meant: `Storyboard.load` and `to_yaml` are methods of the model that reading and writing are about."""


def modules(root: Path, package: str) -> dict[str, Path]:
    """Every module of a package by its dotted name."""
    found = {}
    for path in sorted((root / package).rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(name: str, path: Path, known: dict[str, Path]) -> set[str]:
    """The known modules that a module imports anywhere in it: in functions and under TYPE_CHECKING too."""
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            source = ".".join([*base, *([node.module] if node.module else [])])
            # `from package import name` means the module of that name where there is one, else the package itself.
            named = {f"{source}.{alias.name}" for alias in node.names}
            found |= named & known.keys()
            if not named <= known.keys():
                found.add(source)
    return (found & known.keys()) - {name}


def circles(edges: dict[str, set[str]]) -> list[list[str]]:
    """The strongly connected components of more than one module (Tarjan's algorithm, without recursion)."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    path: list[str] = []
    found = []
    for root in sorted(edges):
        work = [] if root in order else [(root, iter(sorted(edges[root])))]
        if work:
            order[root] = low[root] = len(order)
            path.append(root)
        while work:
            here, rest = work[-1]
            after = next(rest, None)
            if after is None:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[here])
                if low[here] == order[here]:
                    component = path[path.index(here) :]
                    del path[path.index(here) :]
                    found += [sorted(component)] if len(component) > 1 else []
            elif after not in order:
                order[after] = low[after] = len(order)
                path.append(after)
                work.append((after, iter(sorted(edges[after]))))
            elif after in path:
                low[here] = min(low[here], order[after])
    return found


@pytest.mark.slow
def test_no_modules_of_the_core_import_one_another_in_a_circle():
    known = modules(ROOT, "longtake")
    found = circles({name: imports(name, path, known) for name, path in known.items()})
    assert [circle for circle in found if not all(name.startswith(TIED) for name in circle)] == []


@pytest.mark.parametrize(
    ("edges", "expected"),
    [
        ({"a": {"b"}, "b": {"c"}, "c": set()}, []),
        ({"a": {"b"}, "b": {"a"}}, [["a", "b"]]),
        ({"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set()}, [["b", "c"]]),
        ({"a": {"b", "c"}, "b": {"d"}, "c": {"d"}, "d": {"c"}, "e": {"a", "d"}}, [["c", "d"]]),
        ({"a": {"b"}, "b": {"a", "c"}, "c": {"d"}, "d": {"c"}}, [["c", "d"], ["a", "b"]]),
    ],
)
def test_circles_are_found(edges, expected):
    assert circles(edges) == expected


def test_imports_are_found_wherever_they_stand(tmp_path):
    package = tmp_path / "own"
    (package / "sub").mkdir(parents=True)
    for name in ("__init__", "one", "two", "sub/__init__", "sub/three"):
        (package / f"{name}.py").write_text("")
    (package / "one.py").write_text(
        "import os\n"
        "from typing import TYPE_CHECKING\n"
        "from own import two, anything\n"
        "if TYPE_CHECKING:\n    from own.sub import Name\n"
        "def late():\n    from .sub import three\n"
    )
    (package / "sub" / "__init__.py").write_text("from . import three\nfrom .three import Name\nfrom .. import two\n")
    known = modules(tmp_path, "own")
    assert imports("own.one", known["own.one"], known) == {"own", "own.two", "own.sub", "own.sub.three"}
    assert imports("own.sub", known["own.sub"], known) == {"own.sub.three", "own.two"}
