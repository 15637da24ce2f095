"""What a collector gets of films that Prefect runs: one tree for a film, over workers too, tied to its flow run."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest
from collector import collecting

PRICE = 320
SHOTS = [{"id": "pier", "prompt": "A pier at dusk"}, {"id": "boat", "prompt": "A boat at dusk"}]


@pytest.fixture
def collector():
    with collecting() as running:
        yield running


def tree_of(collector, here):
    """The one tree that came, which holds no secret: its spans by id."""
    (spans,) = collector.trees()
    sent = b"".join(collector.bodies)
    assert here.provider.key.encode() not in sent
    assert b"at dusk" not in sent
    return {span.id: span for span in spans}


def roots(tree):
    return [span for span in tree.values() if span.parent not in tree]


@pytest.mark.slow
def test_a_flow_run_is_one_tree_that_names_it(stage, collector):
    here = stage()
    ran = here.run(here.board("Traced", {"one": SHOTS}), **collector.env)
    tree = tree_of(collector, here)
    (root,) = roots(tree)
    assert (root.name, root.parent) == ("film", "")
    assert root.attributes["prefect.flow_run.id"] == root.attributes["longtake.run.id"] == ran.answer["flow_run_id"]
    below = {
        name: {tree[span.parent].name for span in tree.values() if span.name == name} for name in ("submit", "take")
    }
    assert below == {"submit": {"attempt"}, "take": {"shot"}}
    assert collector.point("longtake.credits", credits__state="charged") == 2 * PRICE
    assert collector.point("longtake.link.duration", film="traced") == 1


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_stopped_sends_what_it_has_seen(stage, collector, until, number):
    here = stage(processing=3600)
    with here.started("run", here.board("Stopped Trace", {"one": SHOTS}), "--json", **collector.env) as running:
        until(lambda: any(task["polls"] for task in here.provider.tasks()), why="the first is polled", process=running)
        running.send_signal(number)
        ran = here.finished(running)
    assert ran.code == 128 + number
    tree = tree_of(collector, here)
    (root,) = roots(tree)
    assert (root.name, root.attributes["error.type"]) == ("film", "CancelledError")
    assert {span.name for span in tree.values()} >= {"film", "shot", "take", "attempt", "submit", "poll"}
    assert collector.point("longtake.credits", credits__state="reserved") == PRICE
    assert collector.point("longtake.generations") == 1


PARENT = """
import asyncio, json, sys
from longtake.flows import storyboard
asyncio.run(storyboard(**json.load(sys.stdin)))
"""


@pytest.mark.slow
def test_scenes_on_another_worker_are_in_the_tree_of_their_film(stage, collector, prefect_client, tmp_path):
    from prefect.client.schemas.actions import WorkPoolCreate

    prefect_client.create_work_pool(WorkPoolCreate(name="traced", type="process"))
    flow = prefect_client.create_flow_from_name("scene")
    named = {"entrypoint": "longtake.flows.scene.scene", "pull_steps": [], "work_pool_name": "traced", "parameters": {}}
    prefect_client.create_deployment(flow, "traced", **named)
    here = stage()
    env = {**here.env, **collector.env, "PREFECT_WORKER_QUERY_SECONDS": "1"}
    words = ("worker", "start", "--pool", "traced", "--type", "process", "--install-policy", "never")
    given = {"board": str(here.board("Handed Trace", {"one": SHOTS})), "scenes": "scene/traced"}
    with (
        (tmp_path / "worker.log").open("wb") as out,
        here.process(sys.executable, "-m", "prefect", *words, env=env, cwd=tmp_path, stdout=out, stderr=out),
    ):
        done = subprocess.run(
            [sys.executable, "-P", "-c", PARENT], env=env, cwd=here.folder, input=json.dumps(given),
            capture_output=True, text=True, timeout=400, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    tree = tree_of(collector, here)
    (root,) = roots(tree)
    (scenes,) = [span for span in tree.values() if span.name == "scenes"]
    assert (root.name, scenes.parent) == ("film", root.id)
    runs = {one.attributes["prefect.flow_run.id"] for one in (root, scenes)}
    assert len(runs) == 2
    assert {tree[span.parent].name for span in tree.values() if span.name == "shot"} == {"scenes"}
    assert len({one["service.instance.id"] for one in collector.resources}) == 2
