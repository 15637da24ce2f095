"""Deployments made in every way Prefect knows, and their runs with blocks in every form a parameter takes."""

from __future__ import annotations

import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
from prefect import flow
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.filters import FlowRunFilter
from prefect.deployments import run_deployment
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.types.entrypoint import EntrypointType

from longtake import Scene, Shot, Storyboard
from longtake.blocks import ArtifactStore, ReapiCredentials
from longtake.flows import scene, storyboard
from longtake.prefect.ops import doctor

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
KEY = "key-of-served-films-41c8e7d2"
POOL = "served"
DEPLOYMENTS = ("films-of-mine/served", "storyboard/module", "storyboard/source", "scene/module")
SMALL = {"resolution": "480p", "size": "16:9", "duration": 4, "generate_audio": False}
SERVE = """
from longtake.flows import storyboard

if __name__ == "__main__":
    storyboard.with_options(name="films-of-mine", retries=1).serve(name="served")
"""


def board(title, *before):
    return Storyboard(
        title=title,
        model="seedance-2.5",
        defaults=SMALL,
        approval={"before": before},
        scenes=[Scene("one", [Shot("pier", f"A pier, {title}")])],
    )


@pytest.fixture(scope="module")
def deployed(shared_stage, prefect_client, until, tmp_path_factory):
    """A stage, its saved blocks, and every deployment, with a worker and a serving process that have neither key nor store."""
    here = shared_stage(key=KEY)
    folder = tmp_path_factory.mktemp("served")
    (folder / "serve_films.py").write_text(SERVE)
    shutil.copytree(ROOT / "flows", folder / "clone" / "flows")
    prefect_client.create_work_pool(WorkPoolCreate(name=POOL, type="process"))
    env = {name: value for name, value in here.env.items() if not name.startswith("LONGTAKE_")}
    env |= {"LONGTAKE_CATALOG": here.env["LONGTAKE_CATALOG"], "PREFECT_WORKER_QUERY_SECONDS": "1"}
    worker = ("-m", "prefect", "worker", "start", "--pool", POOL, "--type", "process", "--install-policy", "never")
    with ExitStack() as stack, temporary_settings({PREFECT_API_URL: here.env["PREFECT_API_URL"]}):
        credentials = ReapiCredentials(api_key=KEY, base_url=here.provider.base_url)
        store = ArtifactStore(uri=here.store.as_uri(), public_url=here.provider.store_url)
        credentials.save("served", overwrite=True)
        store.save("served", overwrite=True)
        options = {"work_pool_name": POOL, "print_next_steps": False, "ignore_warnings": True}
        by_module = {**options, "entrypoint_type": EntrypointType.MODULE_PATH}
        storyboard.deploy(name="module", parameters={"credentials": credentials, "store": store}, **by_module)
        scene.deploy(name="module", **by_module)
        entrypoint = "flows/storyboard.py:storyboard"
        flow.from_source(source=str(folder / "clone"), entrypoint=entrypoint).deploy(name="source", **options)
        for words, log in ((worker, "worker.log"), (("serve_films.py",), "serve.log")):
            out = stack.enter_context((folder / log).open("wb"))
            stack.enter_context(
                here.process(sys.executable, *words, env=env, cwd=folder, stdout=out, stderr=subprocess.STDOUT)
            )

        def serves():
            try:
                return prefect_client.read_deployment_by_name("films-of-mine/served")
            except ObjectNotFound:
                return None

        until(serves, why="the flow is served")
        yield here, credentials, store
    # Other tests of the session look at every deployment of the server.
    for name in DEPLOYMENTS:
        prefect_client.delete_deployment(prefect_client.read_deployment_by_name(name).id)
    prefect_client.delete_work_pool(POOL)


def run(name, **parameters):
    return run_deployment(name, parameters=parameters, timeout=240, poll_interval=1)


def ended(found):
    return found.state_name, found.state.message


def slug(kind, name):
    return {"$ref": {"block_document_slug": f"{kind.get_block_type_slug()}/{name}"}}


@pytest.mark.parametrize("name", ["films-of-mine/served", "storyboard/source"])
def test_a_run_takes_saved_blocks_and_a_storyboard_built_in_python(deployed, name):
    here, credentials, store = deployed
    title = f"Blocks {name.rpartition('/')[2]}"
    found = run(name, board=board(title), credentials=credentials, store=store)
    assert ended(found) == ("Completed", None)
    assert found.parameters["credentials"] == {"$ref": {"block_document_id": str(credentials._block_document_id)}}
    assert list(here.store.glob(f"films/{title.lower().replace(' ', '-')}/*/film.mp4"))


def test_a_deployment_keeps_references_to_its_blocks(deployed, prefect_client):
    _, credentials, store = deployed
    kept = prefect_client.read_deployment_by_name("storyboard/module").parameters
    assert kept == {
        "credentials": {"$ref": {"block_document_id": str(credentials._block_document_id)}},
        "store": {"$ref": {"block_document_id": str(store._block_document_id)}},
    }
    assert ended(run("storyboard/module", board=board("Module"))) == ("Completed", None)


@pytest.mark.parametrize("form", ["name", "slug"])
def test_a_run_takes_blocks_by_name_and_by_slug(deployed, form):
    blocks = {"name": ("served", "served"), "slug": (slug(ReapiCredentials, "served"), slug(ArtifactStore, "served"))}
    credentials, store = blocks[form]
    found = run("films-of-mine/served", board=board(f"By {form}"), credentials=credentials, store=store)
    assert ended(found) == ("Completed", None)


def test_a_run_refuses_a_block_that_was_never_saved_and_a_name_that_is_not_there(deployed):
    here, _, store = deployed
    before = here.provider.posts
    for given, said in (
        (ReapiCredentials(api_key=KEY), "`credentials` is a ReapiCredentials block that was never saved"),
        ("nobody", "`credentials` names the block nobody"),
    ):
        state, message = ended(run("films-of-mine/served", board=board("Refused"), credentials=given, store=store))
        assert state == "Failed"
        assert said in message
    assert here.provider.posts == before


@pytest.mark.parametrize("form", ["blocks", "names"])
def test_scenes_get_the_blocks_of_the_film(deployed, prefect_client, form):
    here, credentials, store = deployed
    given = (credentials, store) if form == "blocks" else ("served", "served")
    title = f"Scenes with {form}"
    parameters = {"board": board(title), "credentials": given[0], "store": given[1], "scenes": "scene/module"}
    assert ended(run("films-of-mine/served", **parameters)) == ("Completed", None)
    (made,) = prefect_client.read_flow_runs(flow_run_filter=FlowRunFilter(name={"any_": [f"film {title} · one"]}))
    assert made.parameters["credentials"] == {"$ref": {"block_document_id": str(credentials._block_document_id)}}
    assert list(here.store.glob(f"films/scenes-with-{form}/*/film.mp4"))


def test_a_suspended_run_goes_on_with_its_blocks(deployed, prefect_client, asked, answer, until):
    here, credentials, store = deployed
    before = here.provider.posts
    parameters = {"board": board("Suspended Blocks", "spending"), "credentials": credentials, "store": store}
    started = run_deployment("films-of-mine/served", parameters=parameters, timeout=0)
    found, _, _ = asked("suspended-blocks", "Suspended")
    assert (found, here.provider.posts) == (str(started.id), before)
    answer(found, approve=True, credits=320)

    def over():
        state = prefect_client.read_flow_run(started.id).state
        return state if state.is_final() else None

    assert until(over, why="the run ends").name == "Completed"
    assert here.provider.posts == before + 1


def test_the_doctor_finds_nothing_wrong_with_them(deployed):
    findings, _ = doctor.look({one.name: list(one.parameters.properties) for one in (storyboard, scene)}, fix=False)
    assert [one for one in findings if one.state == "bad" and one.text.startswith(DEPLOYMENTS)] == []


def test_no_key_is_in_the_database(deployed, prefect_home):
    kept = {path: path.read_bytes() for path in prefect_home.rglob("*") if path.is_file()}
    assert any(b"Scenes with blocks" in content for content in kept.values()), "runs are in there"
    assert [path for path, content in kept.items() if KEY.encode() in content] == []
