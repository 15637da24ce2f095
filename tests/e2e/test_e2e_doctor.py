"""`longtake doctor --prefect`: what it finds on a server, what it mends there, and what its automations then do and leave alone."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from cluster import Cluster
from prefect import flow
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.schedules import IntervalSchedule
from prefect.settings import PREFECT_API_URL, PREFECT_FLOWS_HEARTBEAT_FREQUENCY, PREFECT_RESULTS_PERSIST_BY_DEFAULT
from prefect.settings import temporary_settings as settings
from prefect.states import Cancelling, Crashed, Pending, Running, Scheduled
from processes import until

from longtake.blocks import ArtifactStore
from longtake.flows import reconcile, scene, storyboard
from longtake.prefect.ops import automations, doctor

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
KEY = "key-of-the-doctor-77a1c0"
FLOWS = {flow.name: list(flow.parameters.properties) for flow in (storyboard, scene, reconcile)}
STORYBOARD = "longtake.flows.storyboard.storyboard"
BEAT = 30  # seconds; Prefect takes no less
SHOTS = {"one": [{"id": "pier", "prompt": "A pier"}]}
FOREIGN = """\
import os, time
from pathlib import Path
from prefect import flow

@flow
def reconcile(folder: str):
    (Path(folder) / f"foreign-{os.getpid()}").touch()
    time.sleep(3600)

recount = reconcile.with_options(name="recount")
"""


@pytest.fixture
def api(prefect_client):
    """`api(method, path, json)`: the server's answer; asked again where its database is busy."""

    def ask(method, path, body=None):
        answer = prefect_client.request(method, path, json=body)
        return answer.json() if answer.content else None

    return ask


@pytest.fixture
def installed(api):
    """The project's automations on the server, by name; none of them is left there."""

    def read():
        found = [a for a in api("POST", "/automations/filter", {}) if a["name"].startswith("longtake: ")]
        assert len({a["name"] for a in found}) == len(found), "each is there once"
        return {a["name"]: a for a in found}

    yield read
    for automation in read().values():
        api("DELETE", f"/automations/{automation['id']}")


@pytest.fixture
def deploy(prefect_client, prefect_api, api):
    """Deploy to a pool of this test's own; nothing of it is left."""
    made, pool = [], "doctor"
    prefect_client.create_work_pool(WorkPoolCreate(name=pool, type="process"))

    def create(flow, name, entrypoint, **options):
        flow_id = prefect_client.create_flow_from_name(flow)
        made.append(
            prefect_client.create_deployment(
                flow_id,
                name,
                entrypoint=entrypoint,
                work_pool_name=pool,
                **{"pull_steps": [], "parameters": {}, **options},
            )
        )
        return made[-1]

    yield create
    for deployment in made:
        for run in api("POST", "/flow_runs/filter", {"deployments": {"id": {"any_": [str(deployment)]}}}):
            prefect_client.delete_flow_run(run["id"])
        prefect_client.delete_deployment(deployment)
    prefect_client.delete_work_pool(pool)


@pytest.fixture
def look(prefect_api):
    """The doctor's half that knows Prefect; findings by name as "state text"."""

    def run(*options, api_url=prefect_api, over=()):
        with settings({PREFECT_API_URL: api_url, **dict(over)}):
            findings, environment = doctor.look(FLOWS, fix="--fix" in options)
        found: dict[str, list[str]] = {}
        for one in findings:
            found.setdefault(one.name, []).append(f"{one.state} {one.text}")
        return found | {"environment": environment}

    return run


def about(found, name, what):
    """Findings under a name about one thing: other tests of the session leave theirs on the server."""
    return [text for text in found.get(name, []) if text.split(" ", 1)[1].startswith(f"{what} ")]


def test_what_is_wrong_on_a_server_is_named(look, deploy, monkeypatch):
    monkeypatch.setenv("LONGTAKE_API_KEY", KEY)
    every = [{"schedule": IntervalSchedule(interval=86400), "active": active} for active in (True, False)]
    film = {"board": "b.yaml", "credentials": "nobody", "store": "nowhere"}
    deploy("storyboard", "nightly", STORYBOARD, schedules=every[:1], parameters=film)
    deploy("reconcile", "hourly", "longtake.flows.reconcile.reconcile", schedules=every[1:], paused=True)
    deploy("movie", "old", "flows.movie.movie", tags=["longtake"])
    deploy("reconcile", "theirs", "bank.reconcile", parameters={"password": KEY})
    found = look()
    assert found["Prefect server"][0].startswith("ok http://127.0.0.1:")
    (ours,) = found["deployments"]
    assert {"movie/old", "reconcile/hourly", "storyboard/nightly"} <= set(ours.removeprefix("ok ").split(", "))
    assert "reconcile/theirs" not in ours
    assert about(found, "block", "storyboard/nightly") == [
        "bad storyboard/nightly names the block reapi-credentials/nobody, which does not exist",
        "bad storyboard/nightly names the block longtake-artifact-store/nowhere, which does not exist",
    ]
    assert about(found, "limit", "storyboard/nightly") == [
        "warn storyboard/nightly has a schedule and no concurrency limit: runs that last longer than its interval pile up"
    ]
    (secret,) = found["secret"]
    assert secret.startswith("bad reconcile/theirs holds a secret of this environment")
    told = "\n".join(found["deployment"])
    assert "bad movie/old runs flows.movie.movie, which is not in this version" in told
    assert "warn reconcile/hourly is paused" in told
    assert "warn reconcile/hourly has a schedule that is switched off" in told
    assert "warn reconcile/theirs runs bank.reconcile, another project's flow" in told
    assert [text.partition(":")[0] for text in about(found, "pool", "doctor")] == [
        "warn doctor has no worker online",
        "warn doctor has no limit",
    ]
    assert {text[:4] for text in found["automation"]} == {"warn"}
    assert KEY not in str(found)


def test_blocks_are_found_however_a_deployment_refers_to_them_and_their_content_is_not_allowed(
    look, deploy, prefect_api
):
    with settings({PREFECT_API_URL: prefect_api}):
        saved = ArtifactStore(uri="file:///films").save("doctor", overwrite=True, _sync=True)
    there, slug = {"$ref": {"block_document_id": str(saved)}}, "longtake-artifact-store/doctor"
    absent = {"$ref": {"block_document_id": str(uuid.uuid4())}}
    given = {
        "by-id": {"store": there}, "by-slug": {"store": {"$ref": {"block_document_slug": slug}}},
        "by-name": {"store": "doctor"}, "by-long-name": {"store": slug}, "absent": {"store": absent},
        "plain": {"credentials": {"api_key": "key-that-prefect-deploy-resolved"}, "store": {"uri": "file:///films"}},
    }  # fmt: skip
    for name, parameters in given.items():
        deploy("storyboard", name, STORYBOARD, parameters=parameters)
    found = look()
    for name in ("by-id", "by-slug", "by-name", "by-long-name", "plain"):
        assert about(found, "block", f"storyboard/{name}") == [], name
    (missing,) = about(found, "block", "storyboard/absent")
    assert missing.startswith("bad ")
    (secret,) = about(found, "secret", "storyboard/plain")
    assert "holds the content of a reapi-credentials block in plain text" in secret
    assert "resolved" not in secret


@pytest.fixture
def applied(prefect_client, prefect_api):
    """Apply deployments made through Prefect's Python API; nothing of them is left."""
    made = []
    with settings({PREFECT_API_URL: prefect_api}):
        yield lambda deployment: made.append(deployment.apply())
    for deployment in made:
        prefect_client.delete_deployment(deployment)


def test_deployments_are_ours_however_they_were_made(look, deploy, applied, tmp_path, monkeypatch):
    """`serve()` and `from_source()` record paths; another project's flow at such a path is not ours."""
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    (checkout / "flows").symlink_to(ROOT / "flows")
    (bank := tmp_path / "bank").mkdir()
    (bank / "flows").mkdir()
    (bank / "flows" / "scene.py").write_text("from prefect import flow\n\n@flow\ndef scene(account: str): ...\n")
    monkeypatch.chdir(tmp_path)
    applied(storyboard.to_deployment("served"))
    applied(flow.from_source(str(ROOT), "longtake/flows/storyboard.py:storyboard").to_deployment("package"))
    applied(flow.from_source(str(checkout), "flows/reconcile.py:reconcile").to_deployment("folder"))
    applied(flow.from_source(str(bank), "flows/scene.py:scene").to_deployment("bank"))
    deploy("storyboard", "tagged", "flows/storyboard.py:storyboard", tags=["longtake"], path="/nowhere/on/this/machine")
    deploy("storyboard", "untagged", "flows/storyboard.py:storyboard")
    found = look()
    ours = set(found["deployments"][0].removeprefix("ok ").split(", "))
    known = {"storyboard/served", "storyboard/package", "reconcile/folder", "storyboard/tagged"}
    assert known <= ours
    assert not {"scene/bank", "storyboard/untagged"} & ours
    (foreign,) = about(found, "deployment", "scene/bank")
    assert "another project's flow of the same name" in foreign
    assert not [text for name in sorted(known) for text in about(found, "deployment", name)]


def test_the_servers_own_settings_are_looked_at_and_not_this_machines(look):
    """The server of these tests records in batches; its triggers and leases have Prefect's defaults, one flush is too slow."""
    found = look(over={PREFECT_RESULTS_PERSIST_BY_DEFAULT: True, PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None})
    (batches,) = found["batches"]
    assert "server.services.event_persister.flush_interval is 1.5, should be at most 1" in batches
    assert "task_run_recorder" not in batches
    assert found["environment"] == {
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
        "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_FLUSH_INTERVAL": "1",
        "PREFECT_SERVER_SERVICES_TRIGGERS_READ_BATCH_SIZE": "200",
    }
    assert {name: found[name][0][:4] for name in ("leases", "batches", "results", "heartbeat")} == dict.fromkeys(
        ("leases", "batches", "results", "heartbeat"), "warn"
    )


def test_fixing_twice_is_fixing_once(look, installed, deploy, api):
    schedules = [{"schedule": IntervalSchedule(interval=86400), "active": True}]
    nightly = deploy("storyboard", "nightly", STORYBOARD, schedules=schedules)
    theirs = deploy("reconcile", "theirs", "bank.reconcile")
    assert {text[:2] for text in look("--fix")["automation"]} == {"ok"}
    first = installed()
    assert len(first) == 4
    assert json.dumps(list(first.values())).count('"storyboard"') == 4
    assert '"reconcile"' not in json.dumps(list(first.values())), "there is another flow of that name"
    limited = api("GET", f"/deployments/{nightly}")
    assert limited["global_concurrency_limit"]["limit"] == 1
    assert limited["concurrency_options"]["collision_strategy"] == "CANCEL_NEW"

    again = look("--fix")
    assert not about(again, "limit", "storyboard/nightly")
    assert all(text.endswith("is installed") for text in again["automation"])
    assert installed() == first

    # Somebody changes one and makes a second of that name, and switches another off. The foreign flow goes away, and another
    # machine beats slower.
    one, other, *_ = first.values()
    changed = {key: one[key] for key in ("name", "enabled", "trigger")}
    api("PUT", f"/automations/{one['id']}", {**changed, "actions": [{"type": "do-nothing"}]})
    api("POST", "/automations/", {**changed, "actions": []})
    api("PATCH", f"/automations/{other['id']}", {"enabled": False})
    api("PATCH", f"/deployments/{theirs}", {"entrypoint": "longtake.flows.reconcile.reconcile"})
    slower = {PREFECT_FLOWS_HEARTBEAT_FREQUENCY: 300}
    assert all(text.endswith("is not as it should be") for text in look(over=slower)["automation"])
    look("--fix", over=slower)
    mended = installed()
    kept = {name: a["id"] for name, a in first.items() if a is not one}
    assert {name: a["id"] for name, a in mended.items() if name in kept} == kept
    assert mended[one["name"]]["actions"] == one["actions"]
    assert not mended[other["name"]]["enabled"], "a person did that"
    assert json.dumps(list(mended.values())).count('"reconcile"') == 4
    within = {name: a["trigger"]["within"] for name, a in mended.items()}
    assert sorted(within.values()) == [60, 450, 900, 900]
    look("--fix")
    assert installed() == mended, "nobody's wait is made shorter than his heartbeats need"


def test_slots_that_nobody_holds_are_freed_and_blocks_registered(look, installed, deploy, api):
    deployment = deploy("storyboard", "films", STORYBOARD, concurrency_limit=2)
    limit = api("GET", f"/deployments/{deployment}")["global_concurrency_limit"]
    api("PATCH", f"/v2/concurrency_limits/{limit['id']}", {"active_slots": 2})
    store = api("GET", "/block_types/slug/longtake-artifact-store")
    api("DELETE", f"/block_types/{store['id']}")
    found = look()
    assert about(found, "limit", "storyboard/films") == [
        "warn storyboard/films has 2 of 2 slots taken and no run in progress"
    ]
    assert [text.partition(":")[0] for text in found["block type"]] == [
        "ok reapi-credentials is registered",
        "warn longtake-artifact-store is not registered in this version",
    ]
    look("--fix")
    found = look()
    assert not about(found, "limit", "storyboard/films")
    assert found["block type"][1] == "ok longtake-artifact-store is registered"


def test_runs_nobody_heard_of_for_long_are_named_and_ended(look, deploy, installed, prefect_client, prefect_home):
    deployment = deploy("storyboard", "films", STORYBOARD)
    foreign = deploy("recount", "theirs", "bank.recount")

    def run(of, name, *states):
        made = prefect_client.create_flow_run_from_deployment(of, name=name)
        for state in states:
            prefect_client.set_flow_run_state(made.id, state, force=True)
        return made.id

    lost = run(deployment, "doctor-lost", Running())
    ending = run(deployment, "doctor-ending", Running(), Cancelling())
    theirs = run(foreign, "doctor-theirs", Running())
    young = run(deployment, "doctor-young", Running())
    # Nobody can tell the server an old time; so its database is made to have aged.
    with sqlite3.connect(prefect_home / "prefect.db", timeout=60) as database:
        for one in (lost, ending, theirs):
            database.execute(
                "UPDATE flow_run_state SET timestamp = '2026-01-02 03:04:05.000000' "
                "WHERE id = (SELECT state_id FROM flow_run WHERE id = ?)",
                (str(one),),
            )
    database.close()

    def named(*options):
        return sorted(" ".join(text.split()[:2]) for text in look(*options).get("run", []) if " doctor-" in text)

    assert named() == ["warn doctor-ending", "warn doctor-lost"]
    assert named("--fix") == ["ok doctor-ending", "ok doctor-lost"]
    states = [prefect_client.read_flow_run(one).state for one in (lost, ending, theirs, young)]
    assert [(s.type.value, s.name) for s in states] == [
        ("CRASHED", "Lost"),
        ("CANCELLED", "Cancelled"),
        ("RUNNING", "Running"),
        ("RUNNING", "Running"),
    ]
    assert named() == []


def test_a_server_that_does_not_answer_is_bad(look):
    found = look(api_url="http://somebody:secret@127.0.0.1:9/api")
    assert found["Prefect server"] == ["bad it does not answer: ConnectError; check PREFECT_API_URL"]
    assert found["environment"] == {}


# -- the command ---------------------------------------------------------------------------------------------------------


def command(*words, cwd, env):
    store = {"LONGTAKE_STORE": str(cwd / "store"), "LONGTAKE_BASE_URL": "http://127.0.0.1:9/api/v1"}
    return subprocess.run(
        [sys.executable, "-m", "longtake.cli", "doctor", *words],
        env={**env, **store}, cwd=cwd, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_without_a_server_it_says_so_and_that_is_all(prefect_env, tmp_path):
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "doctor.py").write_text("raise SystemExit('somebody else')")
    env = {name: value for name, value in prefect_env.items() if name != "PREFECT_API_URL"}
    done = command("--prefect", "--fix", "--json", cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    answer = json.loads(done.stdout)
    assert list(answer) == ["findings", "server_environment"]
    found = {one["name"]: (one["state"], one["text"]) for one in answer["findings"]}
    assert {"python", "store", "results"} <= set(found), "one list"
    assert found["Prefect server"][0] == "warn"
    assert "no PREFECT_API_URL" in found["Prefect server"][1]


def test_the_lines_for_the_server_can_be_copied(prefect_env, tmp_path):
    done = command("--prefect", cwd=tmp_path, env=prefect_env)
    assert (done.returncode, done.stderr) == (int("\n bad  " in done.stdout), "")
    assert "  PREFECT_SERVER_SERVICES_TRIGGERS_READ_BATCH_SIZE=200\n" in done.stdout
    wrong = command("--fix", cwd=tmp_path, env=prefect_env)
    assert (wrong.returncode, "--prefect" in wrong.stderr) == (2, True)


# -- the automations at work ---------------------------------------------------------------------------------------------


@pytest.fixture
def runs(prefect_client, prefect_api, api, tmp_path):
    """Flow runs and what becomes of them, and workers."""

    class Runs:
        def start(self, deployment):
            return prefect_client.create_flow_run_from_deployment(deployment).id

        def put(self, run, *states):
            for state in states:
                prefect_client.set_flow_run_state(run, state, force=True)
            return run

        def states(self, *runs):
            return [prefect_client.read_flow_run(run).state_name for run in runs]

        def count(self, run):
            return prefect_client.read_flow_run(run).run_count

        def delete(self, *runs):
            for run in runs:
                prefect_client.delete_flow_run(run)

        def beats(self, run):
            wanted = {
                "event": {"name": ["prefect.flow-run.heartbeat"]},
                "resource": {"id": [f"prefect.flow-run.{run}"]},
            }
            return api("POST", "/events/filter", {"filter": wanted})["total"]

        def worker(self, number, **over):
            beat = {"PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(BEAT)}
            return Cluster(tmp_path, (prefect_api,)).worker("doctor", number, **beat, **over)

    return Runs()


@pytest.mark.usefixtures("installed")
def test_lost_runs_are_found_and_go_on_and_others_are_left_alone(look, stage, deploy, runs, tmp_path):
    (tmp_path / "bank.py").write_text(FOREIGN)
    here = stage(key=KEY, processing=3600)
    board = json.loads(here.board("Lost", SHOTS).read_text())
    film = deploy("storyboard", "films", STORYBOARD, parameters={"board": board})
    foreign = [
        deploy(name, "theirs", f"bank.{name}", parameters={"folder": str(tmp_path)})
        for name in ("reconcile", "recount")
    ]
    look("--fix", over={PREFECT_FLOWS_HEARTBEAT_FREQUENCY: BEAT})
    over = {name: value for name, value in here.env.items() if name.startswith("LONGTAKE_")}
    over["PYTHONPATH"] = str(tmp_path)

    with runs.worker(0, **over) as worker:
        lost, *theirs = three = [runs.start(film), *map(runs.start, foreign)]
        until(
            lambda: any(task["polls"] for task in here.provider.tasks()),
            why="the film is polled",
            process=worker.process,
        )
        until(lambda: len(list(tmp_path.glob("foreign-*"))) == 2, why="two other flows run", process=worker.process)
        until(lambda: all(map(runs.beats, three)), why="each has sent a heartbeat", process=worker.process)
        worker.lose()
    # What no worker is needed for: taken and never begun, cancelled where nobody listens, crashed once too often.
    taken = runs.put(runs.start(film), Pending())
    ending = runs.put(runs.start(film), Running(), Cancelling())
    broken = runs.start(film)
    # One crash only, the last: of crashes that follow each other within seconds the server may take up one too late.
    while runs.count(broken) <= automations.AGAIN:
        runs.put(broken, Scheduled(), Running())
    runs.put(broken, Crashed(message="again"))
    assert set(runs.states(*three)) == {"Running"}, "nobody told Prefect"

    until(lambda: runs.states(ending) == ["Cancelled"], why="what nobody is left to cancel is cancelled")
    until(lambda: runs.states(lost) == ["Crashed"], why="silence is a crash")
    until(lambda: runs.states(taken) == ["Scheduled"], why="what was taken and not begun goes back")
    until(lambda: runs.states(lost) == ["Scheduled"], why="a crashed film goes back")
    assert set(runs.states(*theirs)) == {"Running"}
    assert runs.states(broken, ending) == ["Crashed", "Cancelled"]

    runs.delete(taken, broken)
    with runs.worker(1, **over) as worker:
        until(lambda: runs.states(lost) == ["Running"], why="another worker takes it up", process=worker.process)
        here.provider.advance()
        until(lambda: runs.states(lost) == ["Completed"], why="the film is made", process=worker.process)
    assert runs.count(lost) == 2
    assert here.provider.posts == 1, "it was bought once"
    assert set(runs.states(*theirs)) == {"Running"}
