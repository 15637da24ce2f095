"""The films of a set made by the workers of a deployment: one budget over all, and a worker that is killed costs nothing."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples/catalog-films"
PRICE = 320
POOL = "set-films"


@pytest.fixture(scope="module")
def pool(prefect_client):
    """The flow `film`, deployed on a pool of its own."""
    from prefect.client.schemas.actions import WorkPoolCreate

    prefect_client.create_work_pool(WorkPoolCreate(name=POOL, type="process"))
    flow = prefect_client.create_flow_from_name("film")
    named = {"entrypoint": "longtake.flows.film.film", "pull_steps": [], "work_pool_name": POOL, "parameters": {}}
    prefect_client.create_deployment(flow, POOL, **named)
    return POOL


@pytest.fixture
def worker(pool, tmp_path):
    """`worker(here, name)`: a worker that knows the key and the store of a stage; it makes two films at once."""
    with ExitStack() as stack:

        def start(here, name):
            words = ("worker", "start", "--pool", pool, "--name", name, "--type", "process", "--limit", "2")
            env = {**here.env, "PREFECT_WORKER_QUERY_SECONDS": "1"}
            out = stack.enter_context((tmp_path / f"{name}.log").open("wb"))
            words = (sys.executable, "-m", "prefect", *words, "--install-policy", "never")
            return stack.enter_context(here.process(*words, env=env, cwd=tmp_path, stdout=out, stderr=out))

        yield start


def descendants(pid):
    """The processes that a process has started, and those that these have."""
    parents = {}
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            fields = dict(line.split(":\t", 1) for line in status.read_text().splitlines() if ":\t" in line)
        except OSError:  # it has ended
            continue
        parents[int(fields["Pid"])] = int(fields["PPid"])
    found, more = [], [pid]
    while more:
        more = [child for child, parent in parents.items() if parent in more]
        found += more
    return found


def kill(running):
    """As when a machine is switched off."""
    for pid in [running.pid, *descendants(running.pid)]:
        os.kill(pid, signal.SIGKILL)
    running.wait()


def entries(here):
    return [json.loads(path.read_text()) for path in sorted((here.store / "ledger").glob("*/0*.json"))]


def kinds(here):
    return [entry["kind"] for entry in entries(here)]


def intents(here):
    return [entry["order"] for entry in entries(here) if entry["kind"] == "intent"]


@pytest.mark.slow
def test_two_workers_make_a_set_and_one_of_them_is_killed(stage, worker, until):
    here = stage(processing=3600)
    shutil.copytree(EXAMPLE, here.folder / "catalog")
    table = here.folder / "catalog/products.csv"
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))[:6]
    with table.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        # Without signs a film has two shots of its own, one after the other.
        writer.writerows({**row, "offer": ""} for row in rows)
    film_set = here.folder / "catalog/set.yaml"
    first, _ = worker(here, "first"), worker(here, "second")
    with here.started("run", film_set, "--json", "--on", POOL, "--label", "team=a") as running:

        def both_work():
            # Each worker makes two films: the first shot of each is in flight, and the end that they share. Nothing more is bought
            # before these are made, so that the kill meets no POST.
            return kinds(here).count("accepted") == 5

        until(both_work, why="both work", process=running)
        kill(first)

        def ended():
            here.provider.advance()
            return running.poll() is not None

        # A worker that is silent is given up after 80 seconds.
        until(ended, why="the films are made")
        ran = here.finished(running)
    assert [(film["state"], film["error"]) for film in ran.answer["films"]] == [("whole", "")] * 6
    assert {order["run"] for order in intents(here)} == {ran.answer["run"]}
    assert {(order["set"], order["labels"]["team"]) for order in intents(here)} == {("catalog-films", "a")}
    takes = len({order["fingerprint"] for order in intents(here)})
    assert here.provider.posts == takes
    assert here.credits()["total"]["settled"] == ran.answer["charged"] == takes * PRICE
    again = here.run(film_set, "--on", POOL)
    assert (again.answer["charged"], here.provider.posts) == (0, takes)


def test_a_deployment_that_is_not_there_is_named(stage):
    here = stage()
    shutil.copytree(EXAMPLE, here.folder / "catalog")
    ran = here.longtake("run", here.folder / "catalog/set.yaml", "--json", "--on", "nowhere")
    assert ran.code == 2
    assert "no deployment film/nowhere" in ran.answer["error"]["message"]
    assert here.provider.posts == 0
