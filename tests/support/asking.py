"""Questions that runs ask through Prefect's forms, and answers to them through its API. Fixtures of tests/e2e."""

from __future__ import annotations

import contextlib

import httpx
import pytest


class Patient(httpx.Client):
    """Asks again where the server was busy, as Prefect's own client does."""

    def request(self, *args, **options):
        while True:
            with contextlib.suppress(httpx.ReadError):
                reply = super().request(*args, **options)
                if reply.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                    return reply


@pytest.fixture(name="api")
def the_api(prefect_api):
    with Patient(base_url=prefect_api, trust_env=False, timeout=60) as client:
        yield client


@pytest.fixture(name="asked")
def the_asked(api, until):
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


@pytest.fixture(name="answer")
def the_answer(api):
    def send(run, **given):
        api.post(f"/flow_runs/{run}/resume", json={"run_input": given}).raise_for_status()

    return send
