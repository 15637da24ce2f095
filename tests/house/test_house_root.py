"""One import root: everything is `longtake.…`, whatever else is called `flows`, `tasks` or `blocks` where a script runs."""

from __future__ import annotations

import ast
import json
import os
import pickletools
import re
import shutil
import subprocess
import sys
from importlib.metadata import distribution, entry_points
from pathlib import Path

import cloudpickle
import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
PLAIN = ("flows", "tasks", "blocks")
BOARD = """\
schema: longtake/1
title: Small
model: seedance-2.5
scenes: [{id: one, shots: [{id: pier, prompt: "A pier"}]}]
"""
OWN = 'raise RuntimeError("a module of the user, which only the user may import")\n'
SCRIPT = """\
import json, sys
import longtake.blocks, longtake.flows, longtake.tasks
from longtake.flows import reconcile, scene, storyboard
from longtake.tasks import concatenate, generate, ingest, poll, submit, upload
from longtake.cli import main

assert main(["plan", "film.yaml", "--json"]) == 0
mine = [name for name in sys.modules if name.split(".")[0] in ("flows", "tasks", "blocks")]
print(json.dumps({"places": [longtake.flows.__file__, longtake.tasks.__file__, longtake.blocks.__file__], "mine": mine}))
"""


def tracked(pattern):
    """Tracked files of the repository."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z", pattern], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("only a clone knows its tracked files")
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


@pytest.fixture
def user(tmp_path):
    """A folder with a user's own modules of these names, and a film."""
    (tmp_path / "tasks.py").write_text(OWN)
    (tmp_path / "blocks.py").write_text(OWN)
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "__init__.py").write_text(OWN)
    (tmp_path / "film.yaml").write_text(BOARD)
    return tmp_path


def ran(folder, *words, **env):
    """What a process in the folder prints last."""
    cleaned = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "LONGTAKE_"))}
    command = [sys.executable, *map(str, words)]
    done = subprocess.run(command, cwd=folder, env={**cleaned, **env}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
@pytest.mark.parametrize(
    "where",
    [
        "next to the script",
        *(pytest.param(w, marks=pytest.mark.slow) for w in ("on PYTHONPATH", "in another distribution")),
    ],
)
def test_modules_of_the_user_change_nothing(user, tmp_path_factory, where):
    folder, env = user, {}
    if where != "next to the script":
        folder = tmp_path_factory.mktemp("elsewhere")
        shutil.copy(user / "film.yaml", folder)
        env = {"PYTHONPATH": str(user)}
    if where == "in another distribution":
        info = user / "theirs-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
        (info / "top_level.txt").write_text("\n".join(PLAIN))
    (folder / "film.py").write_text(SCRIPT)
    found = ran(folder, "film.py", **env)
    assert found["mine"] == []
    assert [Path(place).parts[-3:-1] for place in found["places"]] == [("longtake", name) for name in PLAIN]


def test_the_command_works_in_a_folder_with_such_modules(user):
    done = subprocess.run(
        [sys.executable, "-m", "longtake.cli", "plan", "film.yaml", "--json"],
        cwd=user, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)


@pytest.mark.slow
def test_a_film_is_made_by_a_script_next_to_such_modules(user, tmp_path_factory):
    from emulators import running_emulator

    store = tmp_path_factory.mktemp("store")
    (user / "film.py").write_text(
        "import asyncio, json\n"
        "from longtake.flows import storyboard\n"
        "if __name__ == '__main__':\n"
        "    film = asyncio.run(storyboard('film.yaml'))\n"
        "    print(json.dumps(film.place))\n"
    )
    with running_emulator(store) as provider:
        place = ran(
            user,
            "film.py",
            LONGTAKE_API_KEY=provider.key,
            LONGTAKE_BASE_URL=provider.base_url,
            LONGTAKE_STORE=store.as_uri(),
            LONGTAKE_PUBLIC_URL=provider.store_url,
            PREFECT_HOME=str(user / "prefect-home"),
            PREFECT_SERVER_ALLOW_EPHEMERAL_MODE="true",
            PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS="240",
            PREFECT_SERVER_ANALYTICS_ENABLED="false",
        )
    assert Path(place).is_file()


def test_flows_tasks_and_blocks_are_pickled_by_their_new_names():
    from longtake import blocks, flows, tasks

    for module in (flows, tasks, blocks):
        for name in module.__all__:
            one = getattr(module, name)
            function = getattr(one, "fn", one)
            assert function.__module__.startswith(f"{module.__name__}."), name
            pickled = cloudpickle.dumps(one)
            again = cloudpickle.loads(pickled)
            assert getattr(again, "fn", again).__module__ == function.__module__
            words = [word for _, word, _ in pickletools.genops(pickled) if isinstance(word, str)]
            assert [word for word in words if re.match(rf"({'|'.join(PLAIN)})\.", word)] == []


def test_prefect_finds_the_blocks_under_the_new_name():
    (found,) = [one for one in entry_points(group="prefect.collections") if one.name == "longtake"]
    assert found.value == "longtake.blocks"


def test_this_installation_has_one_module_per_file():
    """In a checkout the links in longtake/ lead to the folders next to it, and pip lists no plain name."""
    names = (distribution("longtake").read_text("top_level.txt") or "longtake").split()
    assert names == ["longtake"]
    files = [str(path) for path in (ROOT / "longtake").rglob("*.py")] if (ROOT / "longtake").is_dir() else []
    assert len(files) == len(set(files))


def test_deployments_name_the_new_paths():
    for file in (*tracked("*.yaml"), *tracked("*.yml")):
        document = YAML().load(file)  # mkdocs.yml has tags that the safe loader does not know
        for deployment in document.get("deployments", ()) if isinstance(document, dict) else ():
            entrypoint = deployment["entrypoint"]  # one of ours, or a script of an example next to the file
            script = file.parent / entrypoint.partition(":")[0]
            assert entrypoint.startswith("longtake.flows.") or script.is_file(), file


def plain_imports(tree):
    """Imports of a plain name anywhere in a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] in PLAIN)
        elif isinstance(node, ast.ImportFrom) and not node.level and (node.module or "").split(".")[0] in PLAIN:
            yield node.module


@pytest.mark.slow
def test_nothing_in_the_repository_imports_the_plain_names():
    found = {}
    for path in tracked("*.py"):
        if names := list(plain_imports(ast.parse(path.read_text(encoding="utf-8")))):
            found[str(path)] = names
    pattern = re.compile(rf"^\s*(?:from|import) (?:{'|'.join(PLAIN)})\b(?! import \.)", re.MULTILINE)
    for path in tracked("*.md"):
        if names := pattern.findall(path.read_text(encoding="utf-8")):
            found[str(path)] = names
    assert found == {}
