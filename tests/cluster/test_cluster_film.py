"""A film past one machine: its scenes are made by workers that share a bucket and the Prefect API, and two workers are lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from contextlib import ExitStack

import pytest
from emulators import emulator_process
from processes import until

from longtake import store as stores

pytestmark = [pytest.mark.slow, pytest.mark.prefect, pytest.mark.timeout(900)]

KEY = "key-of-the-cluster-51d0c3aa"
PRICE = 320
SCENES = {name: [f"{name}-{number}" for number in range(3)] for name in ("dawn", "noon", "dusk", "night")}
BOARD = {
    "schema": "longtake/1",
    "title": "Made By Many",
    "model": "seedance-2.5",
    "defaults": {"resolution": "480p", "size": "16:9", "duration": 4, "generate_audio": False},
    "scenes": [
        {"id": scene, "shots": [{"id": shot, "prompt": f"The pier, {shot}"} for shot in shots]}
        for scene, shots in SCENES.items()
    ],
}
PARENT = (
    "import asyncio, json, sys; from longtake.flows import storyboard; "
    "print(json.dumps(asyncio.run(storyboard(**json.load(sys.stdin))).answer()))"
)


@pytest.fixture
def deployment(cluster):
    """The flow `scene`, deployed on a pool: named by module, nothing is pulled."""
    from prefect.client.schemas.actions import WorkPoolCreate

    with cluster.client(0) as client:
        client.create_work_pool(WorkPoolCreate(name="scenes", type="process"))
        flow = client.create_flow_from_name("scene")
        named = {
            "entrypoint": "longtake.flows.scene.scene",
            "pull_steps": [],
            "work_pool_name": "scenes",
            "parameters": {},
        }
        client.create_deployment(flow, "scene", **named)
    return "scene/scene"


def test_scenes_are_made_by_four_workers_and_losing_two_costs_no_credits(cluster, deployment, bucket, tmp_path):
    with ExitStack() as stack:
        provider = stack.enter_context(emulator_process(tmp_path, "--processing", "3600", keys=(KEY,)))
        settings = {
            "LONGTAKE_API_KEY": KEY,
            "LONGTAKE_BASE_URL": provider.base_url,
            "LONGTAKE_STORE": f"s3://{bucket}/films",
            **{name: value for name, value in os.environ.items() if name.startswith("AWS_")},
        }
        four = [
            stack.enter_context(cluster.worker("scenes", number, "--limit", "1", **settings)) for number in range(4)
        ]
        parent = stack.enter_context(
            subprocess.Popen(
                [sys.executable, "-P", "-c", PARENT],
                env=cluster.environment(1, **settings),
                cwd=tmp_path,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )
        )  # fmt: skip
        parent.stdin.write(json.dumps({"board": BOARD, "scenes": deployment}))
        parent.stdin.close()

        def polled():
            return len([task for task in provider.tasks() if task["polls"]])

        until(lambda: polled() == 4, why="each of four workers has bought the first shot of a scene", process=parent)
        killed, stopped, *_ = four
        killed.lose()
        assert stopped.stop() == 0

        def made():
            provider.advance()
            return parent.poll() is not None

        until(made, why="the film is made", patience=500)
        assert provider.posts == 12, "no shot was bought twice"
        said, log = parent.stdout.read(), parent.stderr.read()
        assert parent.returncode == 0, log

    answer = json.loads(said.splitlines()[-1])
    assert Counter(shot["state"] for shot in answer["shots"]) == {"bought": 12}
    assert answer["credits"] == {
        "planned": 12 * PRICE,
        "charged": 12 * PRICE,
        "refunded": 0,
        "in_doubt": 0,
        "reserved": 0,
    }
    store = stores.open(f"s3://{bucket}/films")
    assert len([key for key in store.list("films/made-by-many/") if key.endswith("film.mp4")]) == 1
    with cluster.client(1) as other:
        runs = [run for run in other.read_flow_runs() if run.name.startswith("film Made By Many · ")]
    assert sorted(run.name.rpartition(" ")[2] for run in runs) == sorted(SCENES)
    assert {run.state_name for run in runs} == {"Completed"}
    assert sum(run.run_count > 1 for run in runs) == 2, "the scenes of the two lost workers were begun again by others"
