"""Deployed as any Prefect project is: a server, a work pool, `prefect deploy`, blocks, and a worker that runs the film."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Cancelling
from prefect.workers.process import ProcessWorker

from longtake import media
from longtake.blocks import ArtifactStore, ReapiCredentials

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
KEY = "key-of-the-deployment-2b7f0c55"
SCENES = {"one": [{"id": "pier", "prompt": "A pier"}, {"id": "boat", "prompt": "A boat"}]}


@pytest.fixture(scope="module")
def prefect(prefect_env):
    """Run Prefect's own command."""

    def command(*words, cwd=ROOT):
        done = subprocess.run(
            [sys.executable, "-m", "prefect", *words],
            env=prefect_env,
            cwd=cwd,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    return command


@pytest.fixture(scope="module")
def deployed(prefect, prefect_client):
    """What `prefect deploy` made of deployments.yaml, by name."""
    template = ProcessWorker.get_default_base_job_template()
    for pool in ("films", "films-scenes"):
        # As `prefect work-pool create --type process` does, which loads Prefect once for each.
        prefect_client.create_work_pool(WorkPoolCreate(name=pool, type="process", base_job_template=template))
    before = sorted(ROOT.iterdir())
    prefect("--no-prompt", "deploy", "--prefect-file", "deployments.yaml", "--all")
    assert sorted(ROOT.iterdir()) == before, "deploying writes nothing into the project"
    return {found.name: found for found in prefect_client.read_deployments()}


def save_blocks(here, name):
    """What a person does once: save the credentials and the store at the server."""
    with temporary_settings({PREFECT_API_URL: here.env["PREFECT_API_URL"]}):
        ReapiCredentials(api_key=KEY, base_url=here.provider.base_url).save(name)
        ArtifactStore(uri=here.store.as_uri(), public_url=here.provider.store_url).save(name)


@pytest.fixture(scope="module")
def ran(shared_stage, deployed, prefect, prefect_client, tmp_path_factory):
    """One worker, two runs of the deployment: with both blocks, and without a store."""
    here = shared_stage(key=KEY)
    save_blocks(here, "e2e")
    board = json.loads(here.board("Deployed", SCENES).read_text())
    started = [
        prefect_client.create_flow_run_from_deployment(
            deployed["storyboard"].id, parameters={"board": board, "credentials": "e2e", **store}
        )
        for store in ({"store": "e2e"}, {})
    ]
    said = prefect(
        "worker", "start", "--pool", "films", "--type", "process", "--install-policy", "never", "--run-once",
        cwd=tmp_path_factory.mktemp("worker"),
    )  # fmt: skip
    return here, said, [prefect_client.read_flow_run(run.id) for run in started]


def test_every_deployment_of_the_file_is_there(deployed):
    assert {(d.name, d.entrypoint.rpartition(".")[2]) for d in deployed.values()} == {
        ("storyboard", "storyboard"), ("storyboard-nightly", "storyboard"), ("reconcile", "reconcile"), ("scene", "scene"),
        ("books", "books"), ("films", "film"),
    }  # fmt: skip
    assert {d.work_pool_name for d in deployed.values()} == {"films", "films-scenes"}
    schedules = {
        name: [(s.schedule.cron, s.schedule.timezone, s.active) for s in d.schedules] for name, d in deployed.items()
    }
    assert schedules["storyboard-nightly"] == [("30 2 * * *", "Europe/Berlin", True)]
    assert schedules["reconcile"] == [("17 * * * *", "UTC", True)]
    assert deployed["storyboard-nightly"].global_concurrency_limit.limit == 1
    assert deployed["storyboard-nightly"].concurrency_options.collision_strategy == "ENQUEUE"
    assert not any(d.pull_steps for d in deployed.values())


def test_the_worker_makes_the_film(ran):
    here, said, (run, _) = ran
    assert run.state_name == "Completed", said
    assert run.name == "film Deployed"
    (film,) = here.store.glob("films/deployed/*/film.mp4")
    assert media.probe(film).frames == 2 * 97 - 1, "the frame both shots share is shown once"
    assert here.provider.posts == 2


def test_a_store_that_would_end_with_the_run_is_refused(ran):
    here, _, (_, run) = ran
    assert run.state_name == "Failed"
    assert "relative path" in run.state.message
    assert here.provider.posts == 2


def test_no_key_lies_anywhere_at_prefect(ran, prefect_home):
    """Not in parameters, artifacts, logs, blocks or events: nowhere in the database, nor in what was printed."""
    _, said, (run, _) = ran
    assert run.parameters["credentials"] == "e2e"
    files = [path for path in prefect_home.rglob("*") if path.is_file()]
    assert any(path.suffix == ".db" for path in files)
    assert [path for path in files if KEY.encode() in path.read_bytes()] == []
    assert KEY not in said


def test_cancelling_a_deployed_run_keeps_what_it_bought(stage, deployed, prefect_client, until, tmp_path):
    here = stage(key=KEY, processing=3600)
    save_blocks(here, "cancelled")
    board = json.loads(here.board("Cancelled", SCENES).read_text())
    parameters = {"board": board, "credentials": "cancelled", "store": "cancelled"}
    run = prefect_client.create_flow_run_from_deployment(deployed["storyboard"].id, parameters=parameters)
    words = ("worker", "start", "--pool", "films", "--type", "process", "--install-policy", "never")
    log = tmp_path / "worker.log"
    with (
        log.open("wb") as out,
        here.process(
            sys.executable, "-m", "prefect", *words, env=here.env, cwd=tmp_path, stdout=out, stderr=subprocess.STDOUT
        ) as worker,
    ):
        until(lambda: any(task["polls"] for task in here.provider.tasks()), why="the run polls", process=worker)
        prefect_client.set_flow_run_state(run.id, Cancelling())

        def cancelled():
            return prefect_client.read_flow_run(run.id).state_name == "Cancelled"

        # The run's own process may call it crashed before the worker, which knows why, has the last word.
        until(cancelled, why="the run is cancelled", process=worker)
    totals = here.credits()["total"]
    assert (totals["reserved"], totals["in_doubt"]) == (320, 0)
    assert here.provider.posts == 1
    assert KEY not in log.read_text()
