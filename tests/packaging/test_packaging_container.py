"""The container: compose.yaml sets what the docs and the product know, and the Dockerfile's install steps work in a clean place.

No engine for containers is needed: the image itself is built and run by the workflow `ci`.
"""

from __future__ import annotations

import inspect
import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text().replace("\\\n", " ") if (ROOT / "Dockerfile").exists() else ""
STEPS = [line.split(maxsplit=1) for line in DOCKERFILE.splitlines() if line and not line.startswith("#")]
SERVICES = YAML(typ="safe").load(ROOT / "compose.yaml")["services"]


def test_the_image_is_pinned_not_root_and_healthy_as_its_worker():
    (build, run) = DOCKERFILE.split("FROM ")[1:]
    assert "--require-hashes -r constraints.txt" in build
    assert re.search(r"^USER [1-9]\d*$", run, re.MULTILINE)
    assert "HEALTHCHECK" in run
    command = json.loads(next(rest for word, rest in STEPS if word == "CMD" and rest.startswith('["prefect')))
    assert "--with-healthcheck" in command
    ignored = (ROOT / ".dockerignore").read_text()
    for word, rest in STEPS:
        if word == "COPY" and not rest.startswith("--from"):
            assert all(f"!{name}\n" in ignored and (ROOT / name).exists() for name in rest.split()[:-1])


def test_services_know_what_they_are_told():
    from longtake import cli, settings
    from longtake.prefect.ops.server import RECORDING

    grow = (ROOT / "docs" / "how-to" / "grow.md").read_text()
    ours = {"LONGTAKE_API_KEY", *settings.VARIABLES.values()}
    for service in SERVICES.values():
        command = service.get("command", "")
        if isinstance(command, str) and command.startswith("longtake "):
            cli.parsed(shlex.split(command)[1:])
        for name in service.get("environment", {}):
            assert name in ours or not name.startswith("LONGTAKE_"), name
            assert f"{name}=" in grow or not name.startswith("PREFECT_" + "SERVER"), name
    server = SERVICES["server"]["environment"]
    for setting in RECORDING:
        if setting.variable in server:
            assert server[setting.variable] == str(setting.value)
    assert SERVICES["emulator"]["network_mode"] == "service:worker"
    assert {"postgres", "redis", "server", "worker", "s3", "emulator", "film"} <= set(SERVICES)


def test_what_is_deployed_in_containers_needs_no_path(tmp_path, monkeypatch):
    import longtake as lt
    from longtake import flows

    monkeypatch.setenv("LONGTAKE_STORE", str(tmp_path))
    for one in YAML(typ="safe").load(ROOT / "deployments.docker.yaml")["deployments"]:
        flow = getattr(flows, one["entrypoint"].rpartition(".")[2])
        assert set(one["parameters"]) <= set(inspect.signature(flow.fn).parameters)
        if board := one["parameters"].get("board"):
            assert lt.Studio.from_env().plan(lt.Storyboard.model_validate(board)).fits


def test_the_job_template_names_each_of_its_variables():
    text = (ROOT / "deploy" / "kubernetes-job.json").read_text()
    template = json.loads(text)
    properties = template["variables"]["properties"]
    assert set(re.findall(r"\{\{ (\w+) \}\}", text)) == set(properties)
    assert set(template["variables"]["required"]) <= set(properties)
    pod = template["job_configuration"]["job_manifest"]["spec"]["template"]["spec"]
    assert str(pod["securityContext"]["runAsUser"]) in DOCKERFILE
    assert pod["containers"][0]["securityContext"]["allowPrivilegeEscalation"] is False


@pytest.mark.deep
@pytest.mark.timeout(1500)
def test_install_steps_of_the_image_work_in_a_clean_place(tmp_path):
    source, home = tmp_path / "src", tmp_path / "opt"
    source.mkdir()
    for word, rest in STEPS:
        if (word == "RUN" and "/opt/longtake" in rest) or rest.startswith("python -m venv"):
            command = rest.replace("/opt/longtake", str(home)).replace("python -m venv", f"{sys.executable} -m venv")
            done = subprocess.run(shlex.split(command), cwd=source, capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        elif word == "COPY" and not rest.startswith("--from"):
            *names, target = rest.split()
            for name in names:
                place = source / (name if target == "./" else target)
                copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
                copy(ROOT / name, place, **({"symlinks": True} if (ROOT / name).is_dir() else {}))
    shutil.rmtree(source)
    board = ROOT / "examples" / "lighthouse.yaml"
    for words in (["longtake", "--version"], ["longtake", "plan", board], ["prefect", "worker", "start", "--help"]):
        program = [home / "bin" / words[0], *words[1:]]
        done = subprocess.run(program, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
