"""Mutation check: which faults, made one at a time in the code, no test of a chosen set notices. `make mutants` runs it.

mutmut makes the faults, chooses the tests that reach each one, and keeps what it found. It reads one configuration, so each part
gets a folder of its own in build/mutants: links to this repository and a pyproject.toml of its own. Run again, it goes on.

    python tests/mutation/run.py PART [--sample N] [--seed SEED] [--again]
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tomllib
from pathlib import Path

from mutmut.stats import status_by_exit_code

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "build" / "mutants"
LINKED = ("longtake", "flows", "tasks", "blocks", "tests", "docs", "examples", "deployments.yaml", "README.md")


def parts() -> dict[str, dict[str, list[str]]]:
    """Part -> the modules that are changed, and the tests that should notice."""
    return tomllib.loads((Path(__file__).parent / "parts.toml").read_text(encoding="utf-8"))


def prepare(name: str, part: dict[str, list[str]]) -> Path:
    """Make the folder of a part; its links show the repository as it is now."""
    folder = BUILD / name
    (folder / "mutants").mkdir(
        parents=True, exist_ok=True
    )  # must be there when Python starts, or it is never looked into
    for each in LINKED:
        if not (folder / each).is_symlink():
            (folder / each).symlink_to(ROOT / each)
    config = {
        "source_paths": ["longtake"],
        "only_mutate": [f"longtake/{path}" for path in part["modules"]],
        "also_copy": [each for each in LINKED if each not in {"longtake", "tests"}]
        + ["longtake/flows", "longtake/tasks", "longtake/blocks"],
        "pytest_add_cli_args_test_selection": [f"tests/{path}" for path in part["tests"]],
        "pytest_add_cli_args": ["-p", "no:cacheprovider", "-p", "no:xdist", "-m", "not slow and not deep"]
        + (["-k", part["only"][0]] if "only" in part else []),
        "use_git_change_detection": False,
        "timeout_multiplier": 20.0,
        "timeout_constant": 5.0,
    }
    lines = [f"{key} = {json.dumps(value)}" for key, value in config.items()]
    own = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (folder / "pyproject.toml").write_text("\n".join([own, "[tool.mutmut]", *lines, ""]), encoding="utf-8")
    return folder


def known(folder: Path) -> dict[str, int | None]:
    """Mutant -> the exit code of its tests."""
    found: dict[str, int | None] = {}
    for meta in sorted((folder / "mutants" / "longtake").rglob("*.meta")):
        found |= json.loads(meta.read_text(encoding="utf-8"))["exit_code_by_key"]
    return found


def mutmut(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run mutmut in the folder of a part; what it starts imports the changed code, too."""
    env = {**os.environ, "PYTHONPATH": str(folder / "mutants"), "PYTHONDONTWRITEBYTECODE": "1"}
    program = Path(sys.executable).with_name("mutmut")  # `python -m mutmut` loads its state twice and finds no test
    return subprocess.run([program, *words], cwd=folder, env=env, check=False, text=True)


def main() -> int:
    """Check one part, or a sample of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=parts())
    parser.add_argument("--sample", type=int, help="so many mutants, drawn by the seed; all without it")
    parser.add_argument("--seed", type=int, default=15)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--again", action="store_true", help="test the survivors again")
    given = parser.parse_args()
    folder = prepare(given.part, parts()[given.part])
    if not known(folder):
        mutmut(folder, "run", "none*")  # makes them, and learns which tests reach what
    mutants = known(folder)
    names = sorted(mutants)
    if given.sample is not None and given.sample < len(names):
        names = random.Random(given.seed).sample(names, given.sample)
    todo = [one for one in names if mutants[one] is None or (given.again and mutants[one] in {0, 33})]
    if todo:
        mutmut(folder, "run", "--max-children", str(given.jobs), *todo)
    after = {one: code for one, code in known(folder).items() if one in set(names)}
    states = {one: status_by_exit_code[code] for one, code in after.items()}
    counts = {state: list(states.values()).count(state) for state in sorted(set(states.values()))}
    print(f"{given.part}: {len(names)} of {len(mutants)} mutants, seed {given.seed}: {counts}")
    for one, state in sorted(states.items()):
        if state not in {"killed", "timeout"}:
            print(f"  {state}: {one}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
