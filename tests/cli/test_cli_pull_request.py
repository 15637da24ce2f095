"""What a pull request is told and what a merge buys: the commands of the workflow `films`, as it has them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from emulators import running_emulator, small_catalog
from processes import PATIENCE, clean_environment
from ruamel.yaml import YAML

from longtake.cli import main

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.timeout(900)

WORKFLOW = YAML(typ="safe").load(ROOT / ".github" / "workflows" / "films.yml")
BOARD = (
    'schema: longtake/1\ntitle: "Two *shots*"\nmodel: seedance-2.5\ndefaults: {resolution: 480p, size: "16:9", duration: 4}\n'
    "scenes: [{id: s, shots: [{id: one, prompt: PROMPT}, {id: two, prompt: A lamp}]}]\n"
)


def test_a_comment_has_the_price_first_and_no_word_of_a_storyboard_leaves_its_fence(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("LONGTAKE_STORE", str(tmp_path / "store"))
    board = tmp_path / "film.yaml"
    board.write_text(BOARD.replace("PROMPT", "A wave").replace("Two *shots*", "``` # <b>Two</b> *shots*"))
    assert main(["plan", "--markdown", str(board)]) == 0
    first, _, rest = capsys.readouterr().out.partition("\n")
    assert first == r"**\`\`\` \# \<b\>Two\</b\> \*shots\***: 640 credits ($0.64), 2 takes to buy"
    fence = rest.strip().splitlines()[0].removesuffix("diff")
    assert rest.strip().endswith("\n" + fence)
    assert fence not in rest.strip()[len(fence) : -len(fence)]


def test_a_film_set_has_a_comment_too(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("LONGTAKE_STORE", str(tmp_path / "store"))
    assert main(["plan", "--markdown", str(ROOT / "examples" / "three-ratios" / "set.yaml")]) == 0
    assert capsys.readouterr().out.startswith("**Kettle ad**: 2880 credits ($2.88), 9 takes to buy\n")


@pytest.mark.deep
def test_a_pull_request_gets_the_price_and_a_merge_buys_it(tmp_path):
    steps = {step["name"]: step for job in WORKFLOW["jobs"].values() for step in job["steps"] if "name" in step}
    board, store, programs = tmp_path / "film.yaml", tmp_path / "store", tmp_path / "bin"
    programs.mkdir()
    store.mkdir()
    (programs / "gh").write_text('#!/bin/sh\ncp "$5" comment.md\n')
    (programs / "gh").chmod(0o755)
    catalog = small_catalog(tmp_path / "catalog.json", shortest=None)
    with running_emulator(store, catalog=catalog, processing=0) as provider:
        inputs = {"board": board, "store": store, "base_url": provider.base_url, "budget": 700}
        given = {name: re.search(r"inputs\.(\w+)", value) for name, value in WORKFLOW["env"].items()}
        environment = clean_environment(
            **{name: str(inputs[match[1]]) for name, match in given.items() if match and match[1] in inputs},
            PATH=os.pathsep.join([str(programs), str(Path(sys.executable).parent), os.environ["PATH"]]),
            GITHUB_STEP_SUMMARY=str(tmp_path / "summary.md"),
            LONGTAKE_CATALOG=str(catalog),
            LONGTAKE_PUBLIC_URL=provider.store_url,
            PREFECT_HOME=str(tmp_path / "prefect"),
            PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS=str(int(PATIENCE)),
        )

        def step(name, **more):
            command = ["bash", "-euo", "pipefail", "-c", steps[name]["run"]]
            done = subprocess.run(
                command, cwd=tmp_path, env={**environment, **more}, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stdout + done.stderr

        def comment():
            step("Plan")
            step("Comment", PULL_REQUEST="7")
            return (tmp_path / "comment.md").read_text().splitlines()[0]

        board.write_text(BOARD.replace("PROMPT", "A wave"))
        assert comment().endswith("640 credits ($0.64), 2 takes to buy")
        assert provider.posts == 0
        step("Run", LONGTAKE_API_KEY=provider.key)
        assert provider.posts == 2
        assert comment().endswith("nothing to buy")
        board.write_text(BOARD.replace("PROMPT", "A storm"))
        assert comment().endswith("320 credits ($0.32), 1 take to buy")
        step("Summary")
        assert (tmp_path / "summary.md").read_text().count("**: ") == 4
        assert provider.posts == 2


def test_the_how_to_calls_the_workflow_with_its_inputs_and_secrets():
    (text,) = re.findall(
        r"^```yaml\n(.*?)^```", (ROOT / "docs" / "how-to" / "ci.md").read_text(), re.MULTILINE | re.DOTALL
    )
    (job,) = YAML(typ="safe").load(text)["jobs"].values()
    # YAML 1.1 would read the key `on` as true; this reader does not.
    wanted = WORKFLOW["on"]["workflow_call"]
    assert set(job["secrets"]) <= set(wanted["secrets"])
    assert (
        {name for name, one in wanted["inputs"].items() if one.get("required")}
        <= set(job["with"])
        <= set(wanted["inputs"])
    )
