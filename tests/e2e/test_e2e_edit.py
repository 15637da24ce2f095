"""A film is changed: what `plan` says before is what `run` does, and afterwards there is nothing left to do."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from prefect.client.schemas.filters import FlowRunFilter

pytestmark = pytest.mark.slow

PRICE = 320
PROMPTS = {"pier": "A pier in the rain", "boat": "A boat leaves", "gull": "A gull follows it"}


@pytest.fixture(scope="module")
def here(shared_stage):
    return shared_stage()


def board(here, **changed):
    """A chain of three shots, some of them with another prompt than before."""
    shots = [{"id": name, "prompt": changed.get(name, prompt)} for name, prompt in PROMPTS.items()]
    return here.board("Changed", {"one": shots})


def plan(here, path, *options):
    said = here.longtake("plan", path, "--json", *options)
    assert said.code == 0, said.err
    return said.answer


def sent(here, before=0):
    """The prompts the provider was sent, and whether each take was led to a last frame."""
    led = [
        any(image["role"] == "last_frame" for image in task["body"].get("image_with_roles", ()))
        for task in here.provider.tasks()
    ]
    return [(task["prompt"], to) for task, to in zip(here.provider.tasks(), led, strict=True)][before:]


def film(ran):
    return hashlib.sha256(Path(ran.answer["film"]).read_bytes()).hexdigest()


def manifest(ran):
    return json.loads(Path(ran.answer["manifest"]).read_text())


@pytest.fixture(scope="module")
def first(here):
    return here.run(board(here))


@pytest.fixture(scope="module")
def edited(here, first):
    """The shot in the middle has another prompt: the plan, the run, and the plan after it."""
    path = board(here, boat="A red boat leaves")
    before = len(sent(here))
    planned = plan(here, path)
    ran = here.run(path)
    return planned, ran, sent(here, before), plan(here, path)


def test_a_plan_says_what_changed_and_what_it_costs_in_each_way(edited):
    planned, *_ = edited
    pier, boat, gull = planned["shots"]
    assert [shot["state"] for shot in planned["shots"]] == ["current", "missing", "current"]
    assert boat["reasons"] == [{"what": "prompt", "before": "A boat leaves", "after": "A red boat leaves"}]
    assert (boat["pinned_to"], pier["reasons"], gull["reasons"]) == ("one/gull", [], [])
    assert planned["expected"] == PRICE
    assert planned["downstream_prices"] == {"bridge": PRICE, "cascade": 2 * PRICE, "keep": PRICE}


def test_the_run_does_what_the_plan_said(edited, first):
    planned, ran, prompts, _ = edited
    assert prompts == [("A red boat leaves", True)]
    assert ran.states == {"pier": "current", "boat": "bought", "gull": "current"}
    assert ran.answer["credits"]["charged"] == planned["expected"]
    old, new = manifest(first), manifest(ran)
    assert new["shots"][1]["used"]["bridges"] == old["shots"][2]["used"]["fingerprint"]
    assert (new["frames"], new["dropped"]) == (3 * 97 - 2, 2) == (planned["frames"], 2), (
        "both joints are still seamless"
    )


def test_after_the_run_there_is_nothing_to_buy_and_nothing_to_join(edited):
    after = edited[3]
    assert [shot["state"] for shot in after["shots"]] == ["current"] * 3
    assert (after["expected"], after["reserve"], after["joined"]) == (0, 0, "there")


# -- the same shot once more ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def retaken(here, edited):
    """`--retake` of the shot in the middle, and the run after it."""
    path = board(here, boat="A red boat leaves")
    before = len(sent(here))
    table = here.longtake("plan", path, "--retake", "boat", COLUMNS="200").out
    ran = here.run(path, "--retake", "boat")
    bought = sent(here, before)
    return table, ran, bought, here.run(path)


def test_a_plan_names_the_retaken_shot_and_what_it_is_pinned_to(retaken):
    line = next(line for line in retaken[0].splitlines() if "one/boat" in line)
    assert "retake; pinned to one/gull, which stays" in line


def test_a_retake_buys_one_take_and_pins_it_to_the_kept_shot_after_it(retaken, edited):
    _, ran, bought, _ = retaken
    assert bought == [("A red boat leaves", True)]
    assert [(s["id"], s["state"], s["take"]) for s in ran.answer["shots"]] == [
        ("pier", "current", 1), ("boat", "bought", 2), ("gull", "current", 1),
    ]  # fmt: skip
    assert manifest(ran)["dropped"] == 2
    assert ran.answer["film"] != edited[1].answer["film"]


def test_the_run_after_a_retake_buys_nothing_and_gives_the_same_bytes(here, retaken):
    _, ran, _, again = retaken
    assert again.states == {"pier": "current", "boat": "current", "gull": "current"}
    assert again.answer["credits"]["charged"] == 0
    assert again.answer["film"] == ran.answer["film"]
    assert film(again) == manifest(ran)["sha256"]
    assert here.provider.posts == 5


RETRIED = """
import asyncio, sys
from longtake.flows import storyboard

asyncio.run(storyboard.with_options(retries=1, retry_delay_seconds=0)(sys.argv[1], retake=("boat",)))
"""


def test_a_retry_of_the_flow_run_does_not_retake_twice(stage, prefect_client):
    here = stage()
    shots = [{"id": name, "prompt": prompt} for name, prompt in PROMPTS.items()]
    here.run(here.board("Retried", {"one": shots}))
    longer = here.board("Retried", {"one": shots, "two": [{"id": "wave", "prompt": "A wave comes in"}]})
    here.provider.fault({"where": "submit", "what": "fail-80006", "match": "wave", "times": 1})
    done = subprocess.run(
        [sys.executable, "-c", RETRIED, str(longer)], env=here.env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    prompts = [prompt for prompt, _ in sent(here)[3:]]
    assert sorted(prompts) == ["A boat leaves", "A wave comes in", "A wave comes in"]
    assert here.credits()["total"]["settled"] == 5 * PRICE
    assert [shot["to_buy"] for shot in plan(here, longer)["shots"]] == [0] * 4
    runs = prefect_client.read_flow_runs(flow_run_filter=FlowRunFilter(name={"any_": ["film Retried"]}))
    assert sorted((run.run_count, run.state_name) for run in runs) == [(1, "Completed"), (2, "Completed")]
