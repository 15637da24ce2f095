"""A user's script checks under `mypy --strict` and pyright against the package, and mistakes in it are found."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import longtake

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PACKAGE = Path(longtake.__file__).resolve().parents[1]
INSTALLED = "site-packages" in PACKAGE.parts
"""Whether the package is found by a type checker by itself; one that is linked in is found by an import hook alone."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def scripts(tmp_path_factory):
    """What is checked, away from the checkout: the script, the examples, and the README's code."""
    folder = tmp_path_factory.mktemp("scripts")
    sources = [HERE / "script.py", *sorted((ROOT / "examples").glob("*.py"))]
    texts = {path.name: path.read_text() for path in sources}
    blocks = re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    texts |= {f"readme_{number}.py": text for number, text in enumerate(blocks)}
    for name, text in texts.items():
        # Prefixed, so that a script is not taken for a module of the same name.
        (folder / f"check_{name}").write_text(text)
    (folder / "wrong.py").write_text((HERE / "wrong.py").read_text())
    # As it is for a package that is installed: its own files are read and not reported.
    (folder / "mypy.ini").write_text("[mypy]\nstrict = true\n[mypy-longtake.*]\nfollow_imports = silent\n")
    (folder / "pyrightconfig.json").write_text(
        json.dumps(
            {
                "typeCheckingMode": "strict",
                # Prefect's own `submit` takes **kwargs without a type.
                "reportUnknownMemberType": "none",
                "extraPaths": [] if INSTALLED else [str(PACKAGE)],
            }
        )
    )
    return folder


def mypy(folder, *names):
    env = {**os.environ, **({} if INSTALLED else {"MYPYPATH": str(PACKAGE)})}
    cache = ROOT / ".mypy_cache" / "scripts"
    command = [sys.executable, "-m", "mypy", "--config-file", "mypy.ini", "--cache-dir", cache, "--no-error-summary"]
    done = subprocess.run([*command, *names], cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert not done.stderr, done.stderr
    return [line for line in done.stdout.splitlines() if ": error: " in line]


def pyright(folder, *names):
    program = Path(sys.executable).with_name("basedpyright")
    command = [program, "--outputjson", "--pythonpath", sys.executable, *names]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    found = json.loads(done.stdout)["generalDiagnostics"]
    return [
        f"{Path(one['file']).name}:{one['range']['start']['line'] + 1}: {one['message']}"
        for one in found
        if one["severity"] == "error"
    ]


@pytest.mark.parametrize("check", [mypy, pyright])
def test_a_users_script_checks(scripts, check):
    assert check(scripts, *sorted(path.name for path in scripts.glob("check_*.py"))) == []


@pytest.mark.parametrize("check", [mypy, pyright])
def test_mistakes_in_a_script_are_found(scripts, check):
    lines = (scripts / "wrong.py").read_text().splitlines()
    wrong = {number for number, line in enumerate(lines, 1) if line.endswith("# wrong")}
    found = {int(re.search(r"\.py:(\d+)", line)[1]) for line in check(scripts, "wrong.py")}
    assert found == wrong
