"""Gates: a run that asks a person before it spends, with a real server, a real worker and answers through the API's form."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from blocks import ArtifactStore, ReapiCredentials

CHAIN = {"one": [{"id": "pier", "prompt": "A pier"}, {"id": "boat", "prompt": "A boat"}]}
TWO_CHAINS = {**CHAIN, "two": [{"id": "dune", "prompt": "A dune"}, {"id": "reed", "prompt": "Reeds"}]}
PRICE = 320


class Patient(httpx.Client):
    """Asks again where the server was busy, as Prefect's own client does."""

    def request(self, *args, **options):
        while True:
            with contextlib.suppress(httpx.ReadError):
                reply = super().request(*args, **options)
                if reply.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                    return reply


@pytest.fixture
def api(prefect_api):
    with Patient(base_url=prefect_api, trust_env=False, timeout=60) as client:
        yield client


@pytest.fixture
def asked(api, until):
    """`asked(film, state)`: wait until the film's run is in this state and asks something; its id, its form, what it says."""

    def find(film, state):
        def look():
            runs = api.post("/flow_runs/filter", json={"flow_runs": {"tags": {"all_": [f"film:{film}"]}}}).json()
            return next((run for run in runs if run["state_name"] == state), None)

        run = until(look, why=f"a run of {film} is {state}")
        keys = run["state"]["state_details"]["run_input_keyset"]

        def kept(name):
            # The run is paused first, and its form kept then.
            reply = api.get(f"/flow_runs/{run['id']}/input/{keys[name]}")
            return reply if reply.is_success else None

        form = until(lambda: kept("schema"), why="the form is there").json()
        said = until(lambda: kept("description"), why="and what it says").json()
        return run["id"], form, said

    return find


@pytest.fixture
def answer(api):
    def send(run, **given):
        api.post(f"/flow_runs/{run}/resume", json={"run_input": given}).raise_for_status()

    return send


def approving(stage, title, scenes, *before, **keys):
    """A stage and a board that asks."""
    here = stage(**keys.pop("emulator", {}))
    return here, here.board(title, scenes, approval={"before": list(before), **keys.pop("approval", {})}, **keys)


# -- a deployment, on a schedule -----------------------------------------------------------------------------------------


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


def children(pid):
    """The processes a process has started and that live."""
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def scheduled(here, board, folder, **film):
    """Deploy the flow with a schedule that fires in a moment and again, and what it names as blocks."""
    with temporary_settings({PREFECT_API_URL: here.env["PREFECT_API_URL"]}):
        ReapiCredentials(api_key=here.provider.key, base_url=here.provider.base_url).save("gated")
        ArtifactStore(uri=here.store.as_uri(), public_url=here.provider.store_url).save("gated")
    deployment = {
        "name": "gated",
        "entrypoint": "flows.storyboard.storyboard",
        "parameters": {
            "film": {"board": json.loads(board.read_text()), "credentials": "gated", "store": "gated", **film}
        },
        "schedules": [{"interval": 10, "timezone": "Europe/Berlin", "slug": "soon"}],
        "work_pool": {"name": "gated"},
        "concurrency_limit": {"limit": 1, "collision_strategy": "CANCEL_NEW"},
    }
    path = folder / "films.yaml"
    path.write_text(json.dumps({"name": "films", "pull": [], "deployments": [deployment]}))
    command = (sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--prefect-file", str(path), "--all")
    done = subprocess.run(command, env=here.env, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_a_scheduled_run_asks_frees_its_worker_is_approved_killed_and_resumed(  # noqa: PLR0917 - fixtures
    stage, worker, api, asked, answer, until, tmp_path
):
    here, board = approving(stage, "Scheduled", CHAIN, emulator={"processing": 3600})
    scheduled(here, board, tmp_path, approval={"before": ["spending"], "hours": 1})

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


# -- local runs ----------------------------------------------------------------------------------------------------------


def test_a_local_run_pauses_and_a_refusal_ends_it(stage, asked, answer):
    here, board = approving(stage, "Refused", CHAIN, "spending")
    with here.started("run", board, "--json") as running:
        run, _, _ = asked("refused", "Paused")
        answer(run, approve=False, by="Ada")
        ran = here.finished(running)
    assert ran.code == 3
    assert "not approved by Ada" in ran.answer["error"]["message"]
    assert here.provider.posts == 0


def test_after_the_first_takes_the_rest_is_asked_for(stage, asked, answer, api):
    here, board = approving(stage, "Rest", TWO_CHAINS, "the rest")
    with here.started("run", board, "--json") as running:
        run, form, said = asked("rest", "Paused")
        assert here.provider.posts == 2
        assert form["properties"]["credits"]["default"] == 4 * PRICE
        assert "the first takes of each chain are there" in said
        assert "| one | 1 | 320 | boat (" in said
        # Less than asked for: one of two is bought.
        answer(run, approve=True, credits=3 * PRICE)
        ran = here.finished(running)
    assert ran.code == 3
    assert here.provider.posts == 3
    assert sorted(ran.states.values()) == ["bought", "bought", "bought", "failed"]
    shown = api.post("/artifacts/latest/filter", json={"artifacts": {"key": {"any_": ["rest-question"]}}}).json()
    assert "the first takes" in shown[0]["data"]
    assert "](data:image/jpeg;base64," in shown[0]["data"], "with their pictures"


@pytest.mark.slow
def test_less_than_was_asked_for_buys_what_fits(stage, asked, answer):
    here, board = approving(stage, "Less", CHAIN, "spending")
    with here.started("run", board, "--json") as running:
        run, _, _ = asked("less", "Paused")
        answer(run, approve=True, credits=PRICE)
        ran = here.finished(running)
    assert ran.code == 3
    assert ran.states == {"pier": "bought", "boat": "failed"}
    assert here.provider.posts == 1


@pytest.mark.slow
def test_a_question_outlives_the_api(stage, returning_prefect, until):
    here, board = approving(stage, "Outlived", CHAIN, "spending")
    with here.started("run", board, "--json", PREFECT_API_URL=returning_prefect.api) as running:

        def paused():
            with Patient(base_url=returning_prefect.api, trust_env=False, timeout=60) as api:
                runs = api.post("/flow_runs/filter", json={}).json()
            return next((run["id"] for run in runs if run["state_name"] == "Paused"), None)

        run = until(paused, why="it asks", process=running)
        returning_prefect.die()
        returning_prefect.come_back()
        assert until(paused, why="the question still stands") == run
        with Patient(base_url=returning_prefect.api, trust_env=False, timeout=60) as api:
            given = {"run_input": {"approve": True, "credits": 2 * PRICE}}
            api.post(f"/flow_runs/{run}/resume", json=given).raise_for_status()
        ran = here.finished(running)
    assert ran.code == 0, ran.err
    assert here.provider.posts == 2


@pytest.mark.slow
def test_a_refused_rest_keeps_the_first_takes(stage, asked, answer):
    here, board = approving(stage, "Enough", CHAIN, "the rest")
    with here.started("run", board, "--json") as running:
        run, _, _ = asked("enough", "Paused")
        answer(run, approve=False)
        ran = here.finished(running)
    assert ran.code == 3
    assert ran.states["pier"] == "bought"
    assert ran.answer["would_cost"] == PRICE
    assert here.provider.posts == 1


@pytest.mark.slow
def test_more_than_the_budget_is_asked_for_and_lifted_for_this_run(stage, asked, answer):
    here, board = approving(stage, "Over", CHAIN, "more than the budget", budget=PRICE)
    with here.started("run", board, "--json") as running:
        run, _, said = asked("over", "Paused")
        assert "the film cap of 320" in said
        answer(run, approve=True, credits=2 * PRICE)
        ran = here.finished(running)
    assert ran.code == 0
    assert here.provider.posts == 2


@pytest.mark.slow
def test_silence_goes_on_where_that_was_said_and_stops_otherwise(stage):
    second = 1 / 3600
    here, board = approving(stage, "Silence", CHAIN, "spending", approval={"hours": second, "silence": "go on"})
    here.run(board)
    assert here.provider.posts == 2
    other, board = approving(stage, "Stopping", CHAIN, "spending", approval={"hours": second, "silence": "stop"})
    ran = other.run(board, code=3)
    assert "nobody answered" in ran.answer["error"]["message"]
    assert other.provider.posts == 0


# -- without a server ----------------------------------------------------------------------------------------------------


def test_with_nobody_to_ask_nothing_begins(stage):
    here, board = approving(stage, "Nobody", CHAIN, "spending")
    env = {name: value for name, value in here.env.items() if name != "PREFECT_API_URL"}
    here.env.clear()
    here.env.update(env)
    ran = here.run(board, code=2)
    assert "nobody to ask" in ran.answer["error"]["message"]
    assert here.provider.posts == 0


@pytest.mark.slow
@pytest.mark.parametrize(("typed", "code", "posts"), [("y\n", 0, 2), ("\n", 3, 0)])
def test_who_sits_at_a_terminal_is_asked_there(stage, typed, code, posts):
    here, board = approving(stage, "Terminal", CHAIN, "spending")
    env = {name: value for name, value in here.env.items() if name != "PREFECT_API_URL"}
    keyboard, terminal = pty.openpty()
    command = (sys.executable, "-m", "longtake.cli", "run", str(board), "--json")
    with here.process(
        *command, env=env, cwd=here.folder, stdin=terminal, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        said = ""
        while "[y/N]" not in said:
            letter = running.stderr.read(1)
            assert letter, said
            said += letter
        os.write(keyboard, typed.encode())
        out, err = running.communicate(timeout=240)
    os.close(keyboard)
    os.close(terminal)
    assert running.returncode == code, out + err
    assert here.provider.posts == posts
