"""`longtake run`: a film from nothing, the same again for nothing, and what each change buys. Each stage builds on the last."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from uuid import UUID

import av
import pytest

from longtake import media

TITLE, FILM = "The Small Light", "the-small-light"
SOUND = {"resolution": "480p", "size": "16:9", "duration": 4, "generate_audio": True}
PRICE = 320
"""Credits of 4 s at 480p by the catalog's planning rate."""


def scenes(*, rocks="Waves break on black rocks", tower="The camera rises along the tower"):
    """One shot that two others continue, one of them from another scene and in two takes."""
    return {
        "dawn": [{"id": "rocks", "prompt": rocks}, {"id": "tower", "prompt": tower}],
        "storm": [{"id": "lamp", "prompt": "The lamp is lit", "continue_from": "rocks", "takes": 2}],
    }


@pytest.fixture(scope="module")
def scene(shared_stage):
    return shared_stage(balance=20_000, catalog=None)


def film(scene, *options, **prompts):
    """A run, and the prompts it sent to the provider."""
    before = len(scene.provider.tasks())
    ran = scene.run(scene.board(TITLE, scenes(**prompts), defaults=SOUND, budget=9000), *options)
    return ran, [task["prompt"] for task in scene.provider.tasks()[before:]]


@pytest.fixture(scope="module")
def first(scene):
    return film(scene)


@pytest.fixture(scope="module")
def again(scene, first):
    return film(scene)


@pytest.fixture(scope="module")
def new_last(scene, again):
    return film(scene, tower="Fog hides the tower")


@pytest.fixture(scope="module")
def new_first(scene, new_last):
    return film(scene, rocks="A calm sea at dawn", tower="Fog hides the tower")


@pytest.fixture(scope="module")
def cascaded(scene, new_first):
    return film(scene, "--downstream", "cascade", rocks="A calm sea at dawn", tower="Fog hides the tower")


def manifest(ran):
    return json.loads(Path(ran.answer["manifest"]).read_text())


def digest(ran):
    return hashlib.sha256(Path(ran.answer["film"]).read_bytes()).hexdigest()


# -- the first run -------------------------------------------------------------------------------------------------------


def test_the_answer_is_the_one_of_the_design(scene, first):
    ran, _ = first
    answer = ran.answer
    assert set(answer) == {"film", "manifest", "shots", "credits", "would_cost", "notes", "deliverables", "flow_run_id"}
    assert [set(shot) for shot in answer["shots"]] == [{"id", "state", "take", "task_id", "credits", "error"}] * 3
    assert [(s["id"], s["state"], s["take"]) for s in answer["shots"]] == [
        ("rocks", "bought", 1),
        ("tower", "bought", 1),
        ("lamp", "bought", 1),
    ]
    assert [s["credits"] for s in answer["shots"]] == [PRICE, PRICE, 2 * PRICE]
    assert answer["credits"] == {
        "planned": 4 * PRICE, "charged": 4 * PRICE, "refunded": 0, "in_doubt": 0, "reserved": 0,
    }  # fmt: skip
    assert answer["would_cost"] == 0
    known = {task["id"]: task["prompt"] for task in scene.provider.tasks()}
    assert known[answer["shots"][0]["task_id"]] == "Waves break on black rocks"
    assert UUID(answer["flow_run_id"])
    assert Path(answer["film"]).parent == Path(answer["manifest"]).parent


def test_two_takes_are_bought_and_one_is_used(scene, first):
    ran, prompts = first
    assert sorted(prompts) == [
        "The camera rises along the tower", "The lamp is lit", "The lamp is lit", "Waves break on black rocks",
    ]  # fmt: skip
    assert [s["used"]["take"] for s in manifest(ran)["shots"]] == [1, 1, 1]
    assert scene.provider.books()["balance"] == 20_000 - 4 * PRICE
    takes = [json.loads(path.read_text()) for path in (scene.store / "takes").iterdir()]
    assert sorted((t["shot"], t["take"]) for t in takes) == [
        ("dawn/rocks", 1), ("dawn/tower", 1), ("storm/lamp", 1), ("storm/lamp", 2),
    ]  # fmt: skip


def test_the_film_has_every_frame_of_its_clips_and_a_shared_one_once(scene, first):
    ran, _ = first
    shots = manifest(ran)["shots"]
    clips = [media.probe(scene.store / shot["used"]["clip"]["key"]) for shot in shots]
    whole = media.probe(Path(ran.answer["film"]))
    assert [clip.frames for clip in clips] == [97, 97, 97]
    # `tower` begins with the frame that `rocks` ends with; `lamp` does too, but follows `tower`.
    assert whole.frames == 3 * 97 - 1 == manifest(ran)["frames"]
    assert manifest(ran)["dropped"] == 1
    assert (whole.width, whole.height, whole.fps) == (854, 480, 24)
    assert whole.audio is not None
    assert digest(ran) == manifest(ran)["sha256"]


def test_the_film_has_one_chapter_per_shot(first):
    ran, _ = first
    with av.open(ran.answer["film"]) as film:
        chapters = [(c["metadata"]["title"], float(c["start"] * c["time_base"])) for c in film.chapters()]
    assert [title for title, _ in chapters] == ["dawn/rocks", "dawn/tower", "storm/lamp"]
    assert [start for _, start in chapters] == pytest.approx([0, 96 / 24, (96 + 97) / 24], abs=0.002)


def test_the_chain_starts_from_the_parents_last_frame_as_the_provider_serves_it(scene, first):
    ran, _ = first
    rocks, *children = (shot["used"] for shot in manifest(ran)["shots"])
    bodies = {task["prompt"]: task["body"] for task in scene.provider.tasks()}
    assert bodies["Waves break on black rocks"]["return_last_frame"] is True
    for child in ("The camera rises along the tower", "The lamp is lit"):
        (given,) = bodies[child]["image_with_roles"]
        assert given["role"] == "first_frame"
        assert f"/tasks/{rocks['task_id']}/" in given["url"]
    assert {child["frame"] for child in children} == {rocks["last_frame"]["sha256"]}


def test_people_at_a_terminal_see_shots_come_in_and_no_noise(first):
    ran, _ = first
    lines = ran.err.splitlines()
    assert sum("bought" in line for line in lines) == 3
    assert [line for line in lines if re.search(r"WARNING|ERROR|CRITICAL", line)] == []


# -- the first run, as Prefect shows it ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shown(prefect_client, first, until):
    """The flow run, its artifacts by key, and the names of its task runs once all are recorded."""
    from prefect.client.schemas import filters as by

    run_id = UUID(first[0].answer["flow_run_id"])
    this_run = by.FlowRunFilter(id=by.FlowRunFilterId(any_=[run_id]))

    def tasks():
        found = prefect_client.read_task_runs(flow_run_filter=this_run)
        return found if len(found) == 16 and all(run.state.is_final() for run in found) else None

    runs = until(tasks, why="the steps of four takes and the join are recorded as ended")
    artifacts = {a.key: a for a in prefect_client.read_artifacts(flow_run_filter=this_run)}
    return prefect_client.read_flow_run(run_id), artifacts, runs


def test_run_and_tasks_have_readable_names(shown):
    run, _, tasks = shown
    assert run.name == f"film {TITLE}"
    takes = ("dawn/rocks · take 1", "dawn/tower · take 1", "storm/lamp · take 1", "storm/lamp · take 2")
    expected = [f"shot {take} · {step}" for take in takes for step in ("submit", "poll", "ingest")]
    # Only what continues a shot is given more than words.
    expected += [f"shot {take} · upload" for take in takes[1:]]
    assert sorted(task.name for task in tasks) == sorted([*expected, f"film {FILM} · concatenate"])
    assert {task.state_name for task in tasks} == {"Completed"}
    assert run.state_name == "Completed"


def test_runs_are_tagged_by_film(shown, prefect_client):
    from prefect.client.schemas import filters as by

    run, _, tasks = shown
    assert f"film:{FILM}" in run.tags
    tagged = by.FlowRunFilter(tags=by.FlowRunFilterTags(all_=[f"film:{FILM}"]))
    assert run.id in {found.id for found in prefect_client.read_flow_runs(flow_run_filter=tagged)}
    # For a tagged task Prefect asks its API before and after, and fails it where that is away.
    assert all(not task.tags for task in tasks)


def test_no_task_repeats_a_submit(shown):
    _, _, tasks = shown
    assert {t.empirical_policy.retries for t in tasks if t.name.endswith("submit")} == {0}


def test_the_progress_artifact_ends_full(shown):
    _, artifacts, _ = shown
    progress = artifacts[f"{FILM}-progress"]
    assert progress.type == "progress"
    assert progress.data == 100.0


def test_the_table_has_a_row_for_each_shot_and_its_sums_last(shown, first):
    """One table: how each shot stands and what it cost; sums in the last row, no columns for what did not happen."""
    _, artifacts, _ = shown
    *rows, whole = json.loads(artifacts[f"{FILM}-shots"].data)
    assert [(r["shot"], r["state"], r["take"], r["credits"], r["attempts"], r["settled"]) for r in rows] == [
        ("dawn/rocks", "bought", 1, PRICE, 1, PRICE),
        ("dawn/tower", "bought", 1, PRICE, 1, PRICE),
        ("storm/lamp", "bought", 1, 2 * PRICE, 2, 2 * PRICE),
    ]
    assert [r["task id"] for r in rows] == [s["task_id"] for s in first[0].answer["shots"]]
    assert [r["attempt"] for r in rows] == [shot["used"]["attempt"] for shot in manifest(first[0])["shots"]]
    assert all(r["seconds"] > 0 for r in rows)
    assert (whole["shot"], whole["attempts"], whole["credits"], whole["settled"]) == ("all", 4, 4 * PRICE, 4 * PRICE)
    assert "refunded" not in whole


def test_one_table_one_page_one_progress(shown):
    _, artifacts, _ = shown
    assert set(artifacts) == {f"{FILM}-progress", f"{FILM}-shots", f"{FILM}-summary"}


def test_the_page_shows_pictures_sums_and_where_the_film_is(shown, first, prefect_api):
    run, artifacts, _ = shown
    text = artifacts[f"{FILM}-summary"].data
    assert text.startswith("# The Small Light\n")
    assert "![poster](data:image/jpeg;base64," in text
    assert "![contact sheet](data:image/jpeg;base64," in text
    assert "charged **1280**" in text
    assert "| dawn | 2 | 640 | 640 | 0 | 0 | 0 |" in text
    assert "| **all** | 3 | 1,280 | 1,280 | 0 | 0 | 0 |" in text
    assert f"* film: `{first[0].answer['film']}`" in text
    assert f"* this run: <{prefect_api.removesuffix('/api')}/runs/flow-run/{run.id}>" in text


def test_the_contact_sheet_lies_beside_the_film(first):
    with av.open(str(Path(first[0].answer["film"]).with_name("sheet.jpg"))) as sheet:
        assert sheet.streams.video[0].codec_context.name == "mjpeg"
        assert sheet.streams.video[0].width > 2 * 240


def test_one_event_says_that_the_film_is_ready_and_where(first, events):
    found = events("longtake.film.ready", FILM)
    mine = [e for e in found if any(first[0].answer["flow_run_id"] in r["prefect.resource.id"] for r in e["related"])]
    assert len(mine) == 1
    assert mine[0]["payload"]["place"] == first[0].answer["film"]
    assert mine[0]["payload"]["charged"] == 4 * PRICE
    assert mine[0]["resource"]["prefect.resource.name"] == FILM


# -- run again = converge ------------------------------------------------------------------------------------------------


def test_the_same_again_buys_nothing_and_gives_the_same_bytes(scene, first, again):
    ran, prompts = again
    assert prompts == []
    assert ran.states == {"rocks": "current", "tower": "current", "lamp": "current"}
    assert ran.answer["credits"] == {"planned": 0, "charged": 0, "refunded": 0, "in_doubt": 0, "reserved": 0}
    assert ran.answer["film"] == first[0].answer["film"]
    assert digest(ran) == manifest(first[0])["sha256"]


def test_a_changed_last_prompt_buys_that_shot_only(first, new_last):
    ran, prompts = new_last
    assert prompts == ["Fog hides the tower"]
    assert ran.states == {"rocks": "current", "tower": "bought", "lamp": "current"}
    assert ran.answer["credits"]["charged"] == PRICE
    assert ran.answer["film"] != first[0].answer["film"]
    assert Path(first[0].answer["film"]).exists()
    old, new = (manifest(r)["shots"] for r in (first[0], ran))
    assert [a["used"]["clip"] == b["used"]["clip"] for a, b in zip(old, new, strict=True)] == [True, False, True]


@pytest.mark.slow
def test_a_changed_first_prompt_keeps_its_children_as_stale(new_last, new_first):
    ran, prompts = new_first
    assert prompts == ["A calm sea at dawn"]
    assert ran.states == {"rocks": "bought", "tower": "stale", "lamp": "stale"}
    assert ran.answer["film"]
    old, new = (manifest(r)["shots"] for r in (new_last[0], ran))
    assert [a["used"]["clip"] == b["used"]["clip"] for a, b in zip(old, new, strict=True)] == [False, True, True]


@pytest.mark.slow
def test_cascade_buys_the_children(scene, cascaded):
    ran, prompts = cascaded
    assert sorted(prompts) == ["Fog hides the tower", "The lamp is lit", "The lamp is lit"]
    assert ran.states == {"rocks": "current", "tower": "bought", "lamp": "bought"}
    assert ran.answer["credits"]["charged"] == 3 * PRICE
    books = scene.provider.books()
    told = scene.credits("--film", FILM)["total"]
    assert told["settled"] == books["opening"] - books["balance"] == 9 * PRICE
