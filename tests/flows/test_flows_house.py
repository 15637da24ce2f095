"""The walls of the house: arrows between packages, what is loaded for what, and which names are public."""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BOARD = """\
schema: longtake/1
title: Small
model: seedance-2.5
scenes: [{id: one, shots: [{id: pier, prompt: "A pier"}]}]
"""
PACKAGES = sorted(
    f"longtake.{found.name}"
    for found in pkgutil.iter_modules([str(ROOT / "longtake")])
    if found.ispkg and found.name not in {"cli", "prefect"}
)


def test_arrows_run_downwards_and_the_core_knows_no_engine():
    command = [Path(sys.executable).with_name("lint-imports"), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "0 broken" in done.stdout


def loaded(code, *args, cwd):
    """Which of the heavy modules a fresh Python has loaded after some code."""
    heavy = (
        "prefect",
        "boto3",
        "botocore",
        "fastapi",
        "uvicorn",
        "av",
        "httpx",
        "longtake.flows",
        "longtake.tasks",
        "longtake.blocks",
    )
    ending = f"\nimport sys, json\nprint(json.dumps([m for m in {heavy!r} if m in sys.modules]), file=sys.stderr)"
    command = [sys.executable, "-P", "-c", code + ending, *args]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=True)
    return json.loads(done.stderr.splitlines()[-1])


@pytest.mark.parametrize(
    "module", ["longtake", "longtake.cli", "longtake.plan", "longtake.errors", "longtake.settings"]
)
def test_importing_the_core_loads_no_engine(module, tmp_path):
    assert loaded(f"import {module}", cwd=tmp_path) == []


def test_a_plan_loads_no_engine_and_nothing_else_that_is_heavy(tmp_path):
    (tmp_path / "film.yaml").write_text(BOARD)
    code = "import sys\nfrom longtake.cli import main\nassert main(sys.argv[1:]) == 0"
    assert loaded(code, "plan", "film.yaml", "--json", cwd=tmp_path) == []
    assert loaded(code, "plan", "film.yaml", cwd=tmp_path) == []


@pytest.mark.parametrize("name", PACKAGES)
def test_what_a_package_exports_is_named_and_there(name):
    package = importlib.import_module(name)
    # Without a list, what `dir` names is exported (media, where each name is imported when it is used), or nothing (mcp).
    exported = getattr(package, "__all__", None) or [n for n in dir(package) if not n.startswith("_")]
    assert len(exported) == len(set(exported))
    assert [n for n in exported if not hasattr(package, n)] == []
    # What its __init__ takes from its own modules without an underscore is meant to be used, so it is in the list.
    own = {
        n
        for n, value in vars(package).items()
        if not n.startswith("_")
        and not inspect.ismodule(value)
        and f"{getattr(value, '__module__', '')}.".startswith(f"{name}.")
    }
    assert own <= set(exported)
