"""A user's script: `script.py RUNNER MARKER SHOT…` makes shots with a task runner and prints the ids of their tasks."""

from __future__ import annotations

import sys

from prefect import flow, unmapped
from prefect.task_runners import ProcessPoolTaskRunner, ThreadPoolTaskRunner

from longtake import Shot, tasks
from longtake.blocks import ArtifactStore, ReapiCredentials
from longtake.settings import from_environment


def blocks():
    """The account of the environment as blocks."""
    found = from_environment()
    credentials = ReapiCredentials(
        api_key=found.api_key, base_url=found.base_url, submits_per_second=None, max_in_flight=100
    )
    return {"credentials": credentials, "store": ArtifactStore(uri=found.store, public_url=found.public_url)}


def shots(marker, names):
    small = {"model": "seedance-2.5", "resolution": "480p", "size": "16:9", "duration": 1, "generate_audio": False}
    return [Shot(name, f"{marker} {name}, wide shot", **small) for name in names]


def mapped(wanted):
    """Half of the shots in four steps, half in one."""
    given = {name: unmapped(block) for name, block in blocks().items()}
    half = len(wanted) // 2
    requests = tasks.upload.map(wanted[:half], **given)
    purchases = tasks.submit.map(requests, **given)
    in_steps = tasks.ingest.map(tasks.poll.map(purchases, **given), **given)
    at_once = tasks.generate.map(wanted[half:], **given)
    return [*in_steps.result(), *at_once.result()]


@flow
def chain(way, wanted):
    """Two shots, the second continuing the first, each step in whichever process takes it."""
    given, take, takes = blocks(), None, []
    for shot in wanted:
        if way == "steps":
            request = tasks.upload.submit(shot, continue_from=take, **given).result()
            purchase = tasks.submit.submit(request, **given).result()
            generation = tasks.poll.submit(purchase, **given).result()
            take = tasks.ingest.submit(generation, **given).result()
        else:
            take = tasks.generate.submit(shot, continue_from=take, **given).result()
        takes.append(take)
    tasks.concatenate.submit(takes, title="Chain", store=given["store"]).result()
    return takes


def main(runner, marker, *names):
    if runner == "chain":
        way, *names = names
        made = chain.with_options(task_runner=ProcessPoolTaskRunner(max_workers=2))(way, shots(marker, names))
    elif runner == "dask":
        from prefect_dask import DaskTaskRunner

        local = DaskTaskRunner(cluster_kwargs={"n_workers": 2, "threads_per_worker": 2, "dashboard_address": None})
        made = flow(mapped, task_runner=local)(shots(marker, names))
    else:
        kind = {"processes": ProcessPoolTaskRunner, "threads": ThreadPoolTaskRunner}[runner]
        made = flow(mapped, task_runner=kind(max_workers=2))(shots(marker, names))
    for take in made:
        print(take.task_id)  # noqa: T201 - what the test reads


if __name__ == "__main__":
    main(*sys.argv[1:])
