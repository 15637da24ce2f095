"""Write the pages of the site: `docs/`, files of the repository, the API from docstrings, the tutorial as a notebook.

    python docs/site/pages.py build/docs

It needs no package and knows no site generator: what it writes is a folder of Markdown.
"""

from __future__ import annotations

import ast
import posixpath
import re
import shutil
import sys
from pathlib import Path

import notebook

ROOT = Path(__file__).resolve().parents[2]
BLOB = "https://github.com/longtake/longtake/blob/main/"
RAW = "https://raw.githubusercontent.com/longtake/longtake/main/"
API = {
    "longtake": "longtake/__init__.py",
    "longtake.blocks": "blocks/__init__.py",
    "longtake.flows": "flows/__init__.py",
    "longtake.tasks": "tasks/__init__.py",
    "longtake.errors": "longtake/errors.py",
}
"""Modules with a page of their own, and the file whose public names it lists."""
COPIED = {
    "CHANGELOG.md": "project/changelog.md",
    "SECURITY.md": "project/security.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "examples/README.md": "examples/index.md",
    **{
        f"examples/{name}/README.md": f"examples/{name}.md"
        for name in ("catalog-films", "series", "three-ratios", "montage", "nightly-channel")
    },
}
"""Files outside `docs/` that are pages of the site."""
LINK = re.compile(r"(\]\()([^)\s#]+)((?:#[^)\s]*)?\))")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def main(target: Path) -> None:
    """Replace the folder `target` by the pages."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(ROOT / "docs", target, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    sources = {path: path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "docs").rglob("*.md"))}
    sources |= {ROOT / name: name for name in COPIED}
    for path, source in sources.items():
        page = target / page_of(source)
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(with_links(path.read_text(), source, page_of(source)))
    (target / "api").mkdir()
    for module, file in API.items():
        (target / "api" / f"{module}.md").write_text(api_page(module, ROOT / file))
    (target / "tutorial.ipynb").write_text(notebook.text((ROOT / "docs" / "tutorial.md").read_text()))


def page_of(path: str) -> str:
    """The page of the site that a file of the repository is, or nothing."""
    return COPIED.get(path, path.removeprefix("docs/") if path.startswith("docs/") else "")


def with_links(markdown: str, source: str, page: str) -> str:
    """Point links at pages of the site where it has them, and at the repository where it does not."""

    def moved(match: re.Match[str]) -> str:
        before, link, after = match.groups()
        if link.startswith((BLOB, RAW)):
            place = link.removeprefix(BLOB).removeprefix(RAW)
        elif re.match(r"[a-z]+:", link):
            return match[0]
        else:
            place = posixpath.normpath(posixpath.join(posixpath.dirname(source), link))
        if not (ROOT / place).exists() and not place.endswith(".ipynb"):
            return match[0]  # the site generator names it, and the build fails
        if there := page_of(place):
            return before + posixpath.relpath(there, posixpath.dirname(page) or ".") + after
        return f"{before}{BLOB}{place}{after}"

    parts, last = [], 0
    for fence in FENCE.finditer(markdown):
        parts += [LINK.sub(moved, markdown[last : fence.start()]), fence[0]]
        last = fence.end()
    return "".join([*parts, LINK.sub(moved, markdown[last:])])


def api_page(module: str, path: Path) -> str:
    """A page that lists the public names of a module, each from its docstring."""
    tree = ast.parse(path.read_text())
    listed = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__"
    ]
    names = listed[0] if listed else [node.name for node in tree.body if isinstance(node, ast.ClassDef)]
    first = (ast.get_docstring(tree) or "").partition("\n")[0]
    # A task lies in a module of its own name, which would be shown in its place.
    places = [f"{name}.{name}" if (path.parent / f"{name}.py").exists() else name for name in names]
    return f"# `{module}`\n\n{first}\n" + "".join(f"\n::: {module}.{place}\n" for place in places if place[0] != "_")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
