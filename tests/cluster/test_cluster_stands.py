from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from processes import until

pytestmark = [pytest.mark.slow, pytest.mark.prefect, pytest.mark.timeout(900)]

RUNS = 12
HEARTBEAT = 30  # seconds; Prefect takes no less

# A worker has taken it, but it has not begun: no heartbeat yet, and no other worker will take it.
CLAIMED = ("Pending", "Submitting")
ENDED = ("Completed", "Failed", "Cancelled", "Crashed")
# These have no heartbeat, and are well: one that is put back into the queue by hand would be crashed there.
WAITING = ("Scheduled", "AwaitingRetry", "Paused", "Suspended")

EACH_RUN = {"match": {"prefect.resource.id": "prefect.flow-run.*"}, "for_each": ["prefect.resource.id"]}
SILENT = {
    "name": "a run whose heartbeats stop is crashed",
    "trigger": EACH_RUN
    | {
        "type": "event",
        "posture": "Proactive",
        "after": [f"prefect.flow-run.{name}" for name in ("heartbeat", *CLAIMED)],
        "expect": [f"prefect.flow-run.{name}" for name in ("heartbeat", *ENDED, *WAITING)],
        "threshold": 1,
        "within": 2 * HEARTBEAT,
    },
    "actions": [{"type": "change-flow-run-state", "state": "CRASHED", "message": "no heartbeat"}],
}
CRASHED = {
    "name": "a crashed run goes back into the queue",
    "trigger": EACH_RUN
    | {"type": "event", "posture": "Reactive", "expect": ["prefect.flow-run.Crashed"], "threshold": 1, "within": 0},
    "actions": [{"type": "change-flow-run-state", "state": "SCHEDULED", "message": "again"}],
}


@pytest.fixture
def clients(cluster):
    """A client of each API server."""
    with cluster.client(0) as one, cluster.client(1) as other:
        yield one, other


@pytest.fixture
def automations(cluster):
    url = f"{cluster.api_urls[0]}/automations/"
    with httpx.Client(trust_env=False) as http:
        made = [http.post(url, json=wanted).raise_for_status().json()["id"] for wanted in (SILENT, CRASHED)]
        yield
        for automation in made:
            http.delete(url + automation).raise_for_status()


@pytest.fixture
def deployment(clients):
    """The id of a deployment whose code lies where the worker runs: named by module, and nothing is pulled."""
    from prefect.client.schemas.actions import WorkPoolCreate

    client, _ = clients
    client.create_work_pool(WorkPoolCreate(name="turns", type="process"))
    flow = client.create_flow_from_name("turn")
    named = {"entrypoint": "turns.turn", "pull_steps": [], "work_pool_name": "turns", "parameters": {}}
    return client.create_deployment(flow, "turn", **named)


def test_every_run_ends_though_workers_are_lost_in_mid_run(cluster, clients, deployment, automations, tmp_path):
    from prefect.states import Scheduled

    client, other = clients
    over = {"PYTHONPATH": str(Path(__file__).parent), "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(HEARTBEAT)}

    def began():
        return {path.name.split("-")[1]: path.read_text() for path in tmp_path.glob("began-*")}

    def state(run, at=client):
        return at.read_flow_run(run.id).state_name

    with ExitStack() as stack:

        def worker(number):
            return stack.enter_context(cluster.worker("turns", number, "--limit", "1", **over))

        killed, stopped, off, _ = four = [worker(number) for number in range(4)]
        runs = [
            client.create_flow_run_from_deployment(deployment, parameters={"number": number, "folder": str(tmp_path)})
            for number in range(RUNS)
        ]
        until(lambda: len(began()) == 4, why="each of the four workers has begun a run")
        of = {worker: runs[int(number)] for number, worker in began().items()}
        assert set(of) == {worker.name for worker in four}
        # Each worker told one of the two API servers; both know.
        assert {state(run, at) for run in of.values() for at in clients} == {"Running"}

        # These four are full, so the next one waiting is claimed by a fifth worker, which is lost before the run begins.
        early = worker(4)
        (claimed,) = until(lambda: [run for run in runs if state(run) in CLAIMED], why="a fifth worker claims a run")
        early.lose()
        assert state(claimed, other) in CLAIMED

        killed.process.kill()
        off.lose()
        assert stopped.stop() == 0
        until(lambda: not stopped.runs(), why="a worker asked to stop takes its run with it")
        assert len(killed.runs()) == 1, "the run of a killed worker goes on without it"
        lost = [of[stopped.name], of[off.name]]
        assert {state(run, other) for run in lost} == {"Running"}, "nobody told Prefect"

        worker(5)
        (tmp_path / "leave").touch()
        until(lambda: state(of[killed.name]) == "Completed", why="the run without a worker ends")

        # A person who knows that a run is lost may say so at once; the others are found by their silence.
        by_hand, by_silence = lost
        client.set_flow_run_state(by_hand.id, Scheduled(message="by hand"), force=True)
        until(lambda: {state(run) for run in runs} == {"Completed"}, why="every run has ended", patience=400)

    def history(run):
        return [(entry.name, entry.message) for entry in other.read_flow_run_states(run.id)]

    assert ("Scheduled", "by hand") in history(by_hand)
    assert ("Crashed", "no heartbeat") not in history(by_hand)
    # The heartbeats came to one process and were missed by another: Redis carried them.
    for run in (by_silence, claimed):
        told = history(run)
        crash = told.index(("Crashed", "no heartbeat"))
        assert told[crash + 1] == ("Scheduled", "again")
    # A lost run comes back as itself: the same id, counted twice if it had begun. No other was run twice.
    assert {run.id for run in runs if other.read_flow_run(run.id).run_count == 2} == {run.id for run in lost}
    assert Counter(path.name.split("-")[1] for path in tmp_path.glob("ended-*")) == Counter(map(str, range(RUNS)))
    assert len(list(tmp_path.glob("began-*"))) == RUNS + 2
