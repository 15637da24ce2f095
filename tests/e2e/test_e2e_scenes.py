"""Scenes handed out to a deployment, on one server and one worker; tests/cluster does it on four and loses two."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from contextlib import ExitStack, contextmanager

import breaking
import pytest
from prefect.client.schemas.filters import FlowRunFilter

from longtake import media

PRICE = 320
PARENT = """
import asyncio, json, sys
from longtake.flows import storyboard
from longtake.errors import LongtakeError
try:
    print(json.dumps(asyncio.run(storyboard(**json.load(sys.stdin))).answer()))
except LongtakeError as error:
    film = getattr(error, "film", None)
    print(json.dumps({"error": str(error), "code": error.exit_code, **(film.answer() if film else {})}))
"""
SCENES = {
    "one": [{"id": "pier", "prompt": "A pier"}, {"id": "boat", "prompt": "A boat"}],
    "two": [{"id": "dune", "prompt": "A dune", "first_frame": "sea.png"}],
}


def film(here, board, scenes):
    """Run the flow in a process of its own, as a run that hands its scenes out."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", PARENT],
        env=here.env, cwd=here.folder, input=json.dumps({"board": str(board), "scenes": scenes}),
        capture_output=True, text=True, timeout=400, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def pool(prefect_client):
    """The flow `scene`, deployed on a pool of its own."""
    from prefect.client.schemas.actions import WorkPoolCreate

    prefect_client.create_work_pool(WorkPoolCreate(name="handed", type="process"))
    flow = prefect_client.create_flow_from_name("scene")
    named = {"entrypoint": "longtake.flows.scene.scene", "pull_steps": [], "work_pool_name": "handed", "parameters": {}}
    prefect_client.create_deployment(flow, "handed", **named)
    return "handed"


@pytest.fixture
def worker(pool, tmp_path):
    """`worker(here, **env)`: a worker that knows the key and the store of a stage, and runs in a folder of its own."""
    with ExitStack() as stack:

        def start(here, **env):
            words = ("worker", "start", "--pool", pool, "--type", "process", "--install-policy", "never")
            env = {**here.env, "PREFECT_WORKER_QUERY_SECONDS": "1", **env}
            out = stack.enter_context((tmp_path / "worker.log").open("wb"))
            running = here.process(
                sys.executable, "-m", "prefect", *words, env=env, cwd=tmp_path, stdout=out, stderr=out
            )
            return stack.enter_context(running)

        yield start


@pytest.mark.slow
def test_scenes_are_made_elsewhere_with_the_files_they_need_and_what_fails_is_told(stage, worker):
    here = stage()
    worker(here)
    frame = here.folder / "sea.png"
    board = here.board("Handed Out", SCENES)
    shutil.copy(picture(here), frame)
    before = here.provider.posts
    here.provider.fault({"where": "submit", "what": "fail-80006", "match": "boat"})
    answer = film(here, board, "scene/handed")
    assert answer["code"] == 1
    assert "the run of one: Failed" in answer["error"]
    states = {shot["id"]: shot["state"] for shot in answer["shots"]}
    assert states == {"pier": "bought", "boat": "failed", "dune": "bought"}
    assert here.provider.posts == before + 3, "the run that hands out does not ask again for what failed for good"
    here.provider.mend()
    answer = film(here, board, "scene/handed")
    assert {shot["id"]: shot["state"] for shot in answer["shots"]} == {
        "pier": "current", "boat": "bought", "dune": "current",
    }  # fmt: skip
    assert answer["credits"]["charged"] == PRICE
    assert media.probe(next(here.store.glob("films/handed-out/*/film.mp4"))).frames > 0


@pytest.mark.slow
def test_a_worker_on_a_machine_that_cannot_use_a_clip_buys_none(stage, worker, tmp_path):
    here = stage()
    worker(here, LONGTAKE_FFMPEG=str(breaking.bad_ffmpeg(tmp_path / "ffmpeg")))
    answer = film(here, here.board("Bad Worker", {"one": SCENES["one"]}), "scene/handed")
    assert "the run of one: Failed" in answer["error"]
    assert "cannot concatenate a sample clip" in (tmp_path / "worker.log").read_text()
    assert here.provider.posts == 0


def picture(here):
    """Any picture: the last frame of a film made before."""
    other = here.board("Before", {"s": [{"id": "first", "prompt": "The sea"}]})
    here.run(other)
    return next(here.store.glob("media/*.png"))


@pytest.mark.slow
def test_a_deployment_that_is_not_there_is_named(stage):
    here = stage()
    answer = film(here, here.board("Nowhere", {"s": [{"id": "a", "prompt": "A pier"}]}), "scene/nowhere")
    assert answer["code"] == 2
    assert "no deployment scene/nowhere" in answer["error"]
    assert here.provider.posts == 0


@contextmanager
def handing_out(here, board):
    """A process that makes a film and hands its scenes out."""
    options = {"env": here.env, "cwd": here.folder, "text": True, "stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with here.process(sys.executable, "-P", "-c", PARENT, **options) as film:
        film.stdin.write(json.dumps({"board": str(board), "scenes": "scene/handed"}))
        film.stdin.close()
        yield film


@pytest.mark.slow
def test_the_run_that_hands_out_shows_what_was_made_before_a_scene_ends(stage, worker, api, until):
    here = stage(processing=3600)
    worker(here)
    shots = [{"id": "pier", "prompt": "A pier"}, {"id": "boat", "prompt": "A boat"}]
    with handing_out(here, here.board("Moving", {"s": shots})) as film:
        until(lambda: any(task["polls"] for task in here.provider.tasks()), why="the first is polled", process=film)
        here.provider.advance()

        def progress():
            asked = {"artifacts": {"key": {"any_": ["moving-progress"]}}}
            found = api.post("/artifacts/latest/filter", json=asked).json()
            return found[0]["description"] if found else ""

        until(lambda: progress().startswith("1 of 2 shots, 1 takes"), why="one of two is made", process=film)
        assert progress().endswith("0 of 1 scenes have ended")

        def made():
            here.provider.advance()
            return film.poll() is not None

        until(made, why="the film is made")
        assert {shot["state"] for shot in json.loads(film.stdout.read().splitlines()[-1])["shots"]} == {"bought"}


@pytest.fixture
def waiting(stage, pool, prefect_client, until):
    """A film that has handed its one scene to a pool without a worker: its process, and the run of the scene."""
    here = stage()
    with handing_out(here, here.board("Waiting", {"s": [{"id": "a", "prompt": "A pier"}]})) as film:

        def handed():
            runs = prefect_client.read_flow_runs(flow_run_filter=FlowRunFilter(name={"any_": ["film Waiting · s"]}))
            return next((run for run in runs if not run.state.is_final()), None)

        yield here, film, until(handed, why="the scene is handed out", process=film)


@pytest.mark.slow
def test_a_scene_that_is_deleted_ends_the_film_and_is_named(waiting, prefect_client):
    here, film, run = waiting
    prefect_client.delete_flow_run(run.id)
    answer = json.loads(film.stdout.read().splitlines()[-1])
    assert answer["code"] == 1
    assert "the run of s: it was deleted" in answer["error"]
    assert here.provider.posts == 0


@pytest.mark.slow
def test_a_film_that_is_stopped_stops_its_scenes(waiting, prefect_client, until):
    here, film, run = waiting
    film.send_signal(signal.SIGTERM)
    until(lambda: prefect_client.read_flow_run(run.id).state_name == "Cancelled", why="its scene is cancelled")
    assert film.wait(timeout=240) != 0
    assert here.provider.posts == 0
