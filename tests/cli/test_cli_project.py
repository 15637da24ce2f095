"""From an empty folder to films on a schedule with the command alone: `longtake init`, `up` and `deploy`."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from prefect.client.orchestration import SyncPrefectClient
from processes import clean_environment, until
from ruamel.yaml import YAML

from longtake import media, settings, storyboard
from longtake.cli import main
from longtake.cli.init import FILES
from longtake.prefect.ops.block_references import resolved_blocks

ROOT = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path, monkeypatch, capsys):
    """A project that `longtake init` wrote; the working directory."""
    monkeypatch.chdir(tmp_path)
    assert main(["init"]) == 0
    capsys.readouterr()
    return tmp_path


def test_a_project_is_the_files_of_this_repository(project):
    assert {path.relative_to(project).as_posix() for path in project.rglob("*") if path.is_file()} == set(FILES)
    for name in ("deployments.yaml", "examples/lighthouse.yaml"):
        assert (project / name).read_bytes() == (ROOT / name).read_bytes(), f"copy {name} to longtake/cli/project"
    assert len((project / "README.md").read_text().splitlines()) <= 10
    for deployment in YAML(typ="safe").load(project / "deployments.yaml")["deployments"]:
        if "film" in deployment["parameters"]:
            storyboard.load(project / deployment["parameters"]["film"]["board"])


def test_the_settings_of_a_project_can_be_loaded_by_a_shell(project, monkeypatch):
    words = "set -a; . ./.env.example; set +a; env"
    done = subprocess.run(["sh", "-c", words], env={}, cwd=project, capture_output=True, text=True, check=True)
    assert "set -a; . ./.env; set +a" in (project / ".env.example").read_text()
    for name, value in (line.split("=", 1) for line in done.stdout.splitlines()):
        if name.startswith("LONGTAKE_"):
            monkeypatch.setenv(name, value)
    found = settings.from_environment()
    assert (found.run_budget, found.day_budget) == (5000, 20000)
    assert "LONGTAKE_STORE" not in done.stdout, "an empty value would hide the default"


def test_files_that_exist_are_named_and_nothing_is_written(tmp_path, capsys):
    (tmp_path / "deployments.yaml").write_text("mine")
    (tmp_path / ".env.example").write_text("mine")
    assert main(["init", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert f"{tmp_path / 'deployments.yaml'}, {tmp_path / '.env.example'} exist already" in said
    assert sorted(path.name for path in tmp_path.iterdir()) == [".env.example", "deployments.yaml"]
    assert (tmp_path / "deployments.yaml").read_text() == "mine"


def test_a_folder_that_cannot_be_written_is_named(tmp_path, capsys):
    (tmp_path / "file").touch()
    assert main(["init", str(tmp_path / "file" / "films")]) == 2
    assert "cannot be written: Not a directory" in capsys.readouterr().err


def test_a_port_that_is_taken_is_named_before_anything_is_started(project, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["up", "--port", str(port)]) == 2
    said = capsys.readouterr().err
    assert f"cannot listen on 127.0.0.1:{port}: the port is taken" in said
    assert "--port" in said
    assert not (project / "longtake-up").exists()


def test_a_port_that_is_none_is_refused(project, capsys):
    assert main(["up", "--port", "70000"]) == 2
    assert "--port is 70000; allowed: 0 to 65535" in capsys.readouterr().err


def test_a_file_that_is_not_there_is_not_deployed(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["deploy"]) == 2
    assert "deployments.yaml does not exist. Next: `longtake init`" in capsys.readouterr().err
    assert main(["deploy", str(tmp_path)]) == 2
    assert "is not a file" in capsys.readouterr().err


@pytest.mark.parametrize(
    "given",
    [{"$ref": {"block_document_id": "0"}}, "{{ prefect.blocks.reapi-credentials.reapi }}"],
    ids=["id", "template"],
)
@pytest.mark.parametrize("where", ["parameters", "schedule"])
def test_a_block_that_prefect_would_store_in_plain_text_is_not_deployed(tmp_path, monkeypatch, capsys, given, where):
    monkeypatch.chdir(tmp_path)
    parameters = {"board": "film.yaml", "credentials": given}
    there = {"parameters": parameters} if where == "parameters" else {"schedules": [{"parameters": parameters}]}
    (tmp_path / "deployments.yaml").write_text(json.dumps({"deployments": [{"name": "film", **there}]}))
    assert main(["deploy"]) == 2
    said = capsys.readouterr().err
    assert "parameters.credentials" in said
    assert "credentials: NAME" in said


def test_names_and_slugs_of_blocks_are_deployed(tmp_path):
    slug = {"$ref": {"block_document_slug": "reapi-credentials/reapi"}}
    (tmp_path / "d.yaml").write_text(
        json.dumps({"deployments": [{"parameters": {"credentials": slug, "store": "films"}}]})
    )
    assert resolved_blocks(tmp_path / "d.yaml") == []


def test_a_server_that_does_not_answer_is_named_without_its_password(project, monkeypatch, capsys):
    monkeypatch.setenv("PREFECT_API_URL", "http://ada:secret@127.0.0.1:9/api")
    assert main(["deploy"]) == 1
    said = capsys.readouterr().err
    assert "the Prefect server at http://127.0.0.1:9/api does not answer" in said
    assert "secret" not in said


# -- the whole way -------------------------------------------------------------------------------------------------------


def environment(home, **over):
    """This process's variables without what steers Longtake or Prefect."""
    return clean_environment(PREFECT_HOME=str(home), **over)


def longtake(*words, **options):
    """Run the command to its end; what it printed."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "longtake.cli", *words], capture_output=True, text=True, check=False, **options
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@contextmanager
def up(folder, env):
    """`longtake up` at a free port; yields its process and the URL of its server's API."""
    log = folder / "up.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "longtake.cli", "up", "--port", "0"],
            cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        ready = re.compile(r"run `PREFECT_API_URL=(\S+) longtake deploy`")
        found = until(lambda: ready.search(log.read_text()), why=f"the server answers: {log}", process=process)
        yield process, found[1]
    finally:
        # It stops what it started, in order.
        process.terminate()
        process.wait(timeout=150)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_schedule_makes_a_film_from_an_empty_folder(tmp_path):
    env = environment(tmp_path / "home")
    longtake("init", cwd=tmp_path, env=env)
    # The deployment that asks nobody, as often as a person would not wait.
    yaml, file = YAML(), tmp_path / "deployments.yaml"
    document = yaml.load(file)
    document["deployments"][0] |= {
        "schedules": [{"interval": 10, "slug": "often"}],
        "concurrency_limit": {"limit": 1, "collision_strategy": "CANCEL_NEW"},
    }
    yaml.dump(document, file)
    with up(tmp_path, env) as (process, url):
        said = longtake("deploy", cwd=tmp_path, env={**env, "PREFECT_API_URL": url})
        assert f"deploy: deployments.yaml to {url} (PREFECT_API_URL)" in said
        with SyncPrefectClient(api=url) as client:

            def completed():
                return [run for run in client.read_flow_runs() if run.auto_scheduled and run.state_name == "Completed"]

            (run, *_) = until(completed, why=f"a scheduled run ends: {tmp_path}/up.log", process=process, patience=600)
            assert run.name == "film The Lighthouse"
    assert process.returncode == 0
    (film,) = (tmp_path / "longtake-up" / "store").glob("films/the-lighthouse/*/film.mp4")
    assert media.probe(film).frames == 2 * (3 * 97 - 2), "six shots in two chains; chained shots share a frame"
