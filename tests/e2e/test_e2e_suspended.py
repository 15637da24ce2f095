"""Runs of deployments that ask: suspended, so that their worker is free, and begun again when somebody has answered."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from chromium import ENTER, dialog, opened, said, the_page  # noqa: F401 - `page` is a fixture
from prefect.settings import PREFECT_API_URL, temporary_settings

from longtake.blocks import ArtifactStore, ReapiCredentials

CHAIN = {"one": [{"id": "pier", "prompt": "A pier"}, {"id": "boat", "prompt": "A boat"}]}
TWO_CHAINS = {**CHAIN, "two": [{"id": "dune", "prompt": "A dune"}, {"id": "reed", "prompt": "Reeds"}]}
PRICE = 320


@pytest.fixture
def worker(prefect_env, api, tmp_path):
    """A worker of a pool of its own; `until` it is stopped it takes what is scheduled."""
    api.post("/work_pools/", json={"name": "gated", "type": "process"}).raise_for_status()
    words = ("-m", "prefect", "worker", "start", "--pool", "gated", "--type", "process", "--install-policy", "never")
    env = {**prefect_env, "PREFECT_WORKER_QUERY_SECONDS": "1"}
    with (tmp_path / "worker.log").open("wb") as out:
        started = subprocess.Popen(
            [sys.executable, *words],
            env=env,
            cwd=tmp_path,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield started
        finally:
            os.killpg(started.pid, signal.SIGKILL)
            started.wait()
            api.delete("/work_pools/gated")


def children(pid):
    """The processes a process has started and that live."""
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def deploy(here, board, folder, *, every=None, **film):
    """Deploy the flow, on a schedule where it says how many seconds, the flow `scene` beside it, and the blocks they name."""
    with temporary_settings({PREFECT_API_URL: here.env["PREFECT_API_URL"]}):
        ReapiCredentials(api_key=here.provider.key, base_url=here.provider.base_url).save("gated", overwrite=True)
        ArtifactStore(uri=here.store.as_uri(), public_url=here.provider.store_url).save("gated", overwrite=True)
    # Prefect checks parameters against the form, which has no null.
    film = {name: value for name, value in film.items() if value is not None}
    parameters = {"board": json.loads(board.read_text()), "credentials": "gated", "store": "gated", **film}
    films = {
        "name": "gated",
        "entrypoint": "longtake.flows.storyboard.storyboard",
        "parameters": parameters,
        "schedules": [{"interval": every, "timezone": "Europe/Berlin", "slug": "soon"}] if every else [],
        "work_pool": {"name": "gated"},
        "concurrency_limit": {"limit": 1, "collision_strategy": "CANCEL_NEW"},
    }
    scenes = {"name": "gated", "entrypoint": "longtake.flows.scene.scene", "work_pool": {"name": "gated"}}
    path = folder / "films.yaml"
    path.write_text(json.dumps({"name": "films", "pull": [], "deployments": [films, scenes]}))
    command = (sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--prefect-file", str(path), "--all")
    done = subprocess.run(command, env=here.env, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def ended(api, until, worker, tmp_path):
    """`ended(run)`: wait for the end of a run; its state."""

    def wait(run):
        def look():
            state = api.get(f"/flow_runs/{run}").json()["state"]
            return state if state["type"] in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED") else None

        return until(look, why="the run ends", process=worker)

    return wait


@pytest.fixture
def begin(api):
    """`begin()`: a run of the deployment, now; its id."""

    def run():
        deployment = api.get("/deployments/name/storyboard/gated").json()
        answer = api.post(f"/deployments/{deployment['id']}/create_flow_run", json={})
        answer.raise_for_status()
        return answer.json()["id"]

    return run


@pytest.mark.slow
def test_a_scheduled_run_asks_frees_its_worker_is_approved_killed_and_resumed(  # noqa: PLR0917 - fixtures
    stage, worker, api, asked, answer, until, tmp_path
):
    here = stage(processing=3600)
    board = here.board("Scheduled", CHAIN)
    deploy(here, board, tmp_path, every=10, approval={"before": ["spending"], "hours": 1})

    run, form, said = asked("scheduled", "Suspended")
    # Once is enough: what is planned for later goes with the schedule.
    deployment = api.get("/deployments/name/storyboard/gated").json()
    (schedule,) = deployment["schedules"]
    place = f"/deployments/{deployment['id']}/schedules/{schedule['id']}"
    until(lambda: api.patch(place, json={"active": False}).is_success, why="the schedule is off")
    assert api.get(f"/flow_runs/{run}").json()["auto_scheduled"]
    until(lambda: not children(worker.pid), why="the worker is free while somebody thinks", process=worker)
    assert here.provider.posts == 0
    assert form["properties"]["credits"]["default"] == 2 * PRICE
    assert f"**{2 * PRICE} credits**" in said
    assert "pier (missing), boat (blocked)" in said

    answer(run, approve=True, credits=2 * PRICE, by="a test")
    until(lambda: any(task["polls"] for task in here.provider.tasks()), why="it buys and polls", process=worker)
    (child,) = children(worker.pid)
    os.killpg(child, signal.SIGKILL)
    state = lambda: api.get(f"/flow_runs/{run}").json()["state_name"]  # noqa: E731 - asked again and again
    until(lambda: state() == "Crashed", why="the worker tells that the run was killed", process=worker)

    def made():
        # Prefect's runner and its worker both report the crash, seconds apart: the later report may hit the run that began again.
        if state() == "Crashed":
            again = {"state": {"type": "SCHEDULED", "name": "Scheduled"}, "force": True}
            api.post(f"/flow_runs/{run}/set_state", json=again).raise_for_status()
        here.provider.advance()
        return state() in ("Completed", "Failed", "Suspended")

    until(made, why="the film is made", process=worker)
    assert state() == "Completed", (tmp_path / "worker.log").read_text()
    assert here.provider.posts == 2, "nothing is bought again, and nobody is asked again"
    assert list(here.store.glob("films/scheduled/*/film.mp4"))
    assert here.credits()["total"]["settled"] == 2 * PRICE


@pytest.mark.slow
@pytest.mark.parametrize("scenes", [None, "scene/gated"], ids=["alone", "scenes"])
def test_a_film_is_approved_in_two_steps_and_no_step_is_made_twice(  # noqa: PLR0917 - fixtures
    scenes, stage, worker, asked, answer, begin, ended, until, tmp_path
):
    here = stage()
    title = "Steps elsewhere" if scenes else "Steps"
    board = here.board(title, TWO_CHAINS, approval={"before": ["spending", "the rest"], "hours": 1})
    deploy(here, board, tmp_path, scenes=scenes)
    film = title.lower().replace(" ", "-")

    run = begin()
    assert asked(film, "Suspended")[0] == run
    assert here.provider.posts == 0
    answer(run, approve=True, credits=4 * PRICE)
    until(lambda: here.provider.posts == 2, why="the first takes of both chains are bought", process=worker)
    _, form, said = asked(film, "Suspended")
    until(lambda: not children(worker.pid), why="the worker is free again", process=worker)
    assert form["properties"]["credits"]["default"] == 4 * PRICE
    assert "the first takes of each chain are there" in said
    assert here.provider.posts == 2, "nothing of the rest"

    # Less than asked for: one of two is bought, also where other runs buy it.
    answer(run, approve=True, credits=3 * PRICE)
    state = ended(run)
    assert state["type"] == "FAILED", (tmp_path / "worker.log").read_text()
    assert here.provider.posts == 3
    assert here.credits()["total"]["settled"] == 3 * PRICE

    run = begin()
    assert asked(film, "Suspended")[0] == run
    answer(run, approve=True, credits=PRICE)
    until(lambda: not children(worker.pid), why="the first takes are there: it asks about the rest", process=worker)
    assert asked(film, "Suspended")[0] == run
    answer(run, approve=True, credits=PRICE)
    state = ended(run)
    assert state["type"] == "COMPLETED", (tmp_path / "worker.log").read_text()
    assert here.provider.posts == 4
    assert list(here.store.glob(f"films/{film}/*/film.mp4"))


@pytest.mark.slow
def test_who_said_no_is_asked_again_when_the_run_is_put_back(  # noqa: PLR0917 - fixtures
    stage, worker, api, asked, answer, begin, ended, tmp_path
):
    here = stage()
    board = here.board("Second thoughts", CHAIN, approval={"before": ["spending"], "hours": 1})
    deploy(here, board, tmp_path)
    run = begin()
    assert asked("second-thoughts", "Suspended")[0] == run
    answer(run, approve=False, by="Ada")
    state = ended(run)
    assert (state["type"], here.provider.posts) == ("FAILED", 0)
    assert "not approved by Ada" in state["message"]

    again = {"state": {"type": "SCHEDULED", "name": "AwaitingRetry"}, "force": True}
    api.post(f"/flow_runs/{run}/set_state", json=again).raise_for_status()
    assert asked("second-thoughts", "Suspended")[0] == run
    answer(run, approve=True, credits=2 * PRICE)
    assert ended(run)["type"] == "COMPLETED", (tmp_path / "worker.log").read_text()
    assert here.provider.posts == 2


@pytest.mark.slow
def test_a_suspended_run_is_answered_from_the_review_page_with_the_take_that_is_chosen_there(  # noqa: PLR0917 - fixtures
    stage, worker, asked, begin, ended, until, page, tmp_path
):
    here = stage()
    chain = {"one": [{"id": "pier", "prompt": "A pier", "takes": 2}, {"id": "boat", "prompt": "A boat"}]}
    board = here.board("Looked at", chain, approval={"before": ["the rest"], "hours": 1})
    deploy(here, board, tmp_path)
    run = begin()
    assert asked("looked-at", "Suspended")[0] == run
    until(lambda: not children(worker.pid), why="the worker is free while a person looks", process=worker)
    assert here.provider.posts == 2
    with here.started("review", board, "--no-browser", "--by", "Ada") as room:
        opened(page, room.stdout.readline().removeprefix("review: ").strip())
        said(page, "the first takes of each chain are there", "#question")
        page.press("j")
        page.press("2")
        said(page, "pier: take 2 is chosen")
        page.press("a")
        dialog(page, f"up to {3 * PRICE} credits")
        page.press(ENTER)
        said(page, "approved")
        state = ended(run)
    assert state["type"] == "COMPLETED", (tmp_path / "worker.log").read_text()
    assert here.provider.posts == 3
    takes = [json.loads(path.read_text()) for path in (here.store / "takes").glob("*.json")]
    (chosen,) = (take for take in takes if (take["shot"], take["take"]) == ("one/pier", 2))
    (boat,) = (take for take in takes if take["shot"] == "one/boat")
    assert boat["frame"] == chosen["last_frame"]["sha256"], "the run goes on from the take that was chosen"
    (manifest,) = here.store.glob("films/looked-at/*/manifest.json")
    assert json.loads(manifest.read_text())["shots"][0]["used"]["take"] == 2
