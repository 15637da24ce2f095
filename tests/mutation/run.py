"""Mutation check: which faults, made one at a time in the code, no test of a chosen set notices. `make mutants` runs it.

mutmut makes the faults, chooses the tests that reach each one, and keeps what it found. It reads one configuration, so each part
gets a folder of its own in build/mutants: links to this repository and a pyproject.toml of its own. Run again, it goes on.

    python tests/mutation/run.py PART [--sample N] [--seed SEED] [--again] [--only TEXT]
    python tests/mutation/run.py by-hand [--only TEXT]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import time
import tomllib
from collections import Counter
from pathlib import Path

import by_hand
from words import is_about_words

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "build" / "mutants"
LINKED = ("longtake", "flows", "tasks", "blocks", "tests", "docs", "examples", "deployments.yaml", "README.md")
HANG = 120
"""Seconds after which a test of a fault is given up; on the code as it is none of them takes a tenth of it."""
PATIENCE = 1800
"""Seconds for a test while it is learned which tests reach what: a busy machine is no reason to begin again."""
_PLUGINS = ("-p", "no:cacheprovider", "-p", "no:xdist", "-p", "noticed")
CAUGHT, HUNG, STAYS, UNTRIED = "caught", "hung", "survived", "not tried"


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
        "pytest_add_cli_args": [
            *_PLUGINS,
            "-m",
            "not slow and not deep",
            *(["-k", part["only"][0]] if "only" in part else []),
        ],
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


def sample(names: list[str], size: int | None, seed: int) -> list[str]:
    """Draw mutants by digest: a change of one function leaves the draw of all others, and a larger draw holds the smaller."""
    drawn = sorted(names, key=lambda name: hashlib.sha256(f"{seed} {name}".encode()).digest())
    return sorted(drawn[:size])


def noticed(folder: Path) -> dict[str, dict[str, str]]:
    """Mutant -> the last test that failed with it, as `noticed.py` wrote it down."""
    file = folder / "noticed.jsonl"
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return {each["mutant"]: each for each in map(json.loads, lines)}


def state_of(code: int | None, test: dict[str, str] | None) -> str:
    """Class the end of a mutant's tests: only a test that failed has caught it, not a clock and not a broken process."""
    if code is None:
        return UNTRIED
    if code in {0, 5, 33}:
        return STAYS
    return CAUGHT if code == 1 and test is not None and "Timeout" not in test["error"] else HUNG


def mutmut(folder: Path, *words: str, longest: int, quiet: bool = False) -> subprocess.CompletedProcess[str]:
    """Run mutmut in the folder of a part; what it starts imports the changed code, too."""
    path = os.pathsep.join([str(folder / "mutants"), str(Path(__file__).parent)])
    env = {
        **os.environ,
        "PYTHONPATH": path,
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTEST_TIMEOUT": str(longest),
        "LONGTAKE_NOTICED": str(folder / "noticed.jsonl"),
    }
    program = Path(sys.executable).with_name("mutmut")  # `python -m mutmut` loads its state twice and finds no test
    return subprocess.run([program, *words], cwd=folder, env=env, check=False, text=True, capture_output=quiet)


def main() -> int:
    """Check one part, or a sample of it, or the faults that were made by hand."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=[*parts(), "by-hand"])
    parser.add_argument("--sample", type=int, help="so many mutants, drawn by the seed; all without it")
    parser.add_argument("--seed", type=int, default=15)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--again", action="store_true", help="test the survivors again")
    parser.add_argument("--only", default="", help="only mutants whose name has this in it")
    given = parser.parse_args()
    if given.part == "by-hand":
        return by_hand.check(BUILD / "by-hand", given.only)
    folder, began = prepare(given.part, parts()[given.part]), time.monotonic()
    made = mutmut(folder, "run", "none*", longest=PATIENCE, quiet=True)  # makes them, and learns which tests reach what
    if "nothing matches" not in made.stderr:
        print(made.stdout, made.stderr, sep="\n")
        return 1
    mutants = known(folder)
    names = sample([name for name in sorted(mutants) if given.only in name], given.sample, given.seed)
    tests = noticed(folder)
    before = {name: state_of(mutants[name], tests.get(name)) for name in names}
    todo = [name for name in names if before[name] == UNTRIED or (given.again and before[name] != CAUGHT)]
    if todo:
        mutmut(folder, "run", "--max-children", str(given.jobs), *todo, longest=HANG)
    after, tests = known(folder), noticed(folder)
    states = {name: state_of(after[name], tests.get(name)) for name in names}
    words = {name for name in names if states[name] != CAUGHT and is_about_words(folder, name)}
    counts = Counter(states.values())
    print(f"{given.part}: {len(names)} of {len(mutants)} mutants, seed {given.seed}: {dict(counts)}")
    print(f"  of the others {len(words)} change only words for people; {time.monotonic() - began:.0f} s")
    for name, state in sorted(states.items()):
        if state != CAUGHT:
            print(f"  {'words' if name in words else state}: {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
