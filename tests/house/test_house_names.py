"""A public class or type has one meaning: its name is defined in one module only."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[2]


def public_types(path: Path) -> set[str]:
    """Classes and type aliases at the top of a module; type variables name nothing of their own."""
    found = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            call = getattr(node.value, "func", None)
            if isinstance(target, ast.Name) and getattr(call, "id", "") not in {"TypeVar", "ParamSpec"}:
                found.add(target.id)
    return {name for name in found if name[0].isupper() and not name.isupper()}


def test_no_public_type_has_two_meanings():
    homes = defaultdict(list)
    for package in ("longtake", "flows", "tasks", "blocks"):
        # The folders are links inside the package as well: each file once.
        for path in sorted({path.resolve() for path in (ROOT / package).rglob("*.py")}):
            for name in public_types(path):
                homes[name].append(path.relative_to(ROOT).as_posix())
    assert {name: sorted(set(paths)) for name, paths in homes.items() if len(set(paths)) > 1} == {}
