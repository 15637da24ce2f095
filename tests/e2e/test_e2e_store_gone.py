"""A store that goes away in mid-run: what was paid for is named where the run is seen, since the ledger cannot hold it."""

from __future__ import annotations

import json
import secrets

import pytest
from moto.server import ThreadedMotoServer

from longtake.settings import S3Settings
from longtake.store import s3client

KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "a-secret-for-tests", "AWS_REGION": "us-east-1"}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_tasks_whose_ids_no_store_took_are_named_by_the_run_and_in_prefect(stage, gate, until, prefect_client, aws):
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    bucket = f"films-{secrets.token_hex(6)}"
    here = stage(catalog=None)
    s3client.client(bucket, S3Settings(endpoint_url=f"http://{host}:{port}")).create_bucket(Bucket=bucket)
    held = gate(here.provider.base_url)
    names = ("pier", "boat", "gull")
    shots = [{"id": name, "prompt": f"The {name} by the sea", "continue_from": None} for name in names]
    env = {
        **KEYS,
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_EC2_METADATA_DISABLED": "true",
        "LONGTAKE_STORE": f"s3://{bucket}/films",
        "LONGTAKE_PUBLIC_URL": "",
        "LONGTAKE_BASE_URL": held.base_url,
    }
    board = here.board("Gone", {"one": shots})
    with here.started("run", board, "--json", **env) as running:
        until(lambda: here.provider.posts == len(names), why="all shots are paid for", process=running)
        server.stop()
        held.opened.set()
        ran = here.finished(running)
    tasks = {task["id"] for task in here.provider.tasks()}
    assert (ran.code, len(tasks)) == (4, len(names))
    error = json.loads(ran.out)["error"]
    for task in tasks:
        assert task in ran.err
        assert f"--adopt {task}" in error["message"] + error.get("next_step", "") + ran.err
    (flow_run,) = [
        one
        for one in prefect_client.read_flow_runs(limit=200)
        if str((one.parameters or {}).get("board")).endswith("gone.json")
    ]
    assert all(task in flow_run.state.message for task in tasks)
