"""Gates: a run that asks a person before it spends, with a real server, a real worker and answers through the API's form."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys

import pytest
from asking import Patient

pytestmark = pytest.mark.slow

CHAIN = {"one": [{"id": "pier", "prompt": "A pier"}, {"id": "boat", "prompt": "A boat"}]}
TWO_CHAINS = {**CHAIN, "two": [{"id": "dune", "prompt": "A dune"}, {"id": "reed", "prompt": "Reeds"}]}
PRICE = 320


def approving(stage, title, scenes, *before, **keys):
    """A stage and a board that asks."""
    here = stage(**keys.pop("emulator", {}))
    return here, here.board(title, scenes, approval={"before": list(before), **keys.pop("approval", {})}, **keys)


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


def test_less_than_was_asked_for_buys_what_fits(stage, asked, answer):
    here, board = approving(stage, "Less", CHAIN, "spending")
    with here.started("run", board, "--json") as running:
        run, _, _ = asked("less", "Paused")
        answer(run, approve=True, credits=PRICE)
        ran = here.finished(running)
    assert ran.code == 3
    assert ran.states == {"pier": "bought", "boat": "failed"}
    assert here.provider.posts == 1


def test_a_question_outlives_the_api(stage, mortal_prefect, until):
    here, board = approving(stage, "Outlived", CHAIN, "spending")
    with here.started("run", board, "--json", PREFECT_API_URL=mortal_prefect.api) as running:

        def paused():
            with Patient(base_url=mortal_prefect.api, trust_env=False, timeout=60) as api:
                runs = api.post("/flow_runs/filter", json={}).json()
            return next((run["id"] for run in runs if run["state_name"] == "Paused"), None)

        run = until(paused, why="it asks", process=running)
        mortal_prefect.kill()
        mortal_prefect.start()
        assert until(paused, why="the question still stands") == run
        with Patient(base_url=mortal_prefect.api, trust_env=False, timeout=60) as api:
            given = {"run_input": {"approve": True, "credits": 2 * PRICE}}
            api.post(f"/flow_runs/{run}/resume", json=given).raise_for_status()
        ran = here.finished(running)
    assert ran.code == 0, ran.err
    assert here.provider.posts == 2


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


def test_more_than_the_budget_is_asked_for_and_lifted_for_this_run(stage, asked, answer):
    here, board = approving(stage, "Over", CHAIN, "more than the budget", budget=PRICE)
    with here.started("run", board, "--json") as running:
        run, _, said = asked("over", "Paused")
        assert "the film budget of 320" in said
        answer(run, approve=True, credits=2 * PRICE)
        ran = here.finished(running)
    assert ran.code == 0
    assert here.provider.posts == 2


def test_silence_goes_on_where_that_was_said_and_stops_otherwise(stage):
    second = 1 / 3600
    here, board = approving(stage, "Silence", CHAIN, "spending", approval={"hours": second, "silence": "go on"})
    here.run(board)
    assert here.provider.posts == 2
    other, board = approving(stage, "Stopping", CHAIN, "spending", approval={"hours": second, "silence": "stop"})
    ran = other.run(board, code=3)
    assert "no answer came" in ran.answer["error"]["message"]
    assert other.provider.posts == 0


def test_a_run_that_is_killed_while_it_asks_has_bought_nothing_and_the_next_asks_again(stage, asked, answer):
    here, board = approving(stage, "Killed", CHAIN, "the rest")
    with here.started("run", board, "--json") as running:
        first, _, _ = asked("killed", "Paused")
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
    # Who answers the run that is dead lets nothing happen.
    answer(first, approve=True, credits=2 * PRICE)
    with here.started("run", board, "--json") as running:
        run, form, _ = asked("killed", "Paused")
        assert run != first
        assert form["properties"]["credits"]["default"] == PRICE, "the first take is there"
        answer(run, approve=True, credits=PRICE)
        ran = here.finished(running)
    assert ran.states == {"pier": "current", "boat": "bought"}
    assert here.provider.posts == 2


def test_a_redo_that_is_refused_leaves_no_trace(stage, asked, answer):
    here, board = approving(stage, "Redo", CHAIN, "the rest")
    with here.started("run", board, "--json") as running:
        run, _, _ = asked("redo", "Paused")
        answer(run, approve=True, credits=2 * PRICE)
        assert here.finished(running).code == 0
    with here.started("run", board, "--json", "--retake", "boat") as running:
        again, _, said = asked("redo", "Paused")
        assert "boat (missing)" in said
        answer(again, approve=False)
        ran = here.finished(running)
    assert (ran.code, ran.answer["would_cost"]) == (3, PRICE), "the film is whole; what was asked for is not there"
    assert ran.answer["film"]
    assert "not approved" in next(shot["error"] for shot in ran.answer["shots"] if shot["id"] == "boat")
    assert here.run(board).states == {"pier": "current", "boat": "current"}
    assert here.provider.posts == 2


# -- without a server ----------------------------------------------------------------------------------------------------


def test_with_nobody_to_ask_nothing_begins(stage):
    here, board = approving(stage, "Nobody", CHAIN, "spending")
    env = {name: value for name, value in here.env.items() if name != "PREFECT_API_URL"}
    here.env.clear()
    here.env.update(env)
    ran = here.run(board, code=2)
    assert "no one can be asked" in ran.answer["error"]["message"]
    assert here.provider.posts == 0


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
