"""The faults that were made by hand, and the tests that notice them: `faults.toml`, run by `make mutants PART=by-hand`.

They are in constants, decorators, whole statements and conditions that mutmut does not change, or are the ones that matter most:
each could spend, or lose what was paid for.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
COPIED = ("longtake", "flows", "tasks", "blocks", "tests", "docs", "examples", "pyproject.toml", "README.md")


def check(folder: Path, text: str = "") -> int:
    """Make each fault (whose description has the text in it) in a copy of the repository, run its tests, and print what noticed it.

    Returns:
        1 where a fault was not noticed, or its place was not found; else 0.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in COPIED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
        copy(ROOT / name, folder / name, **({"symlinks": True} if copy is shutil.copytree else {}))
    faults = tomllib.loads((Path(__file__).parent / "faults.toml").read_text(encoding="utf-8"))["fault"]
    found = {fault["what"]: _try(folder, fault) for fault in faults if text in fault["what"]}
    for what, said in found.items():
        print(f"  {what}: {said or 'NOT NOTICED'}")
    unnoticed = sum(not said for said in found.values())
    print(f"by hand: {len(found)} faults, {unnoticed} of them not noticed")
    return 1 if unnoticed else 0


def _try(folder: Path, fault: dict[str, Any]) -> str:
    """The test that noticed a fault; empty where none did."""
    file = folder / "longtake" / fault["file"]
    code = file.read_text(encoding="utf-8")
    if code.count(fault["old"]) != 1:
        return ""
    file.write_text(code.replace(fault["old"], fault["new"]), encoding="utf-8")
    words = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-m", "not deep"]
    words += ["-k", fault["only"]] if "only" in fault else []
    env = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", *words, *(f"tests/{name}" for name in fault["tests"])]
    done = subprocess.run(command, cwd=folder, env=env, check=False, capture_output=True, text=True)
    file.write_text(code, encoding="utf-8")
    failed = [line.partition("::")[2].partition(" - ")[0] for line in done.stdout.splitlines() if line[:6] == "FAILED"]
    return failed[0] if done.returncode == 1 and failed else ""
