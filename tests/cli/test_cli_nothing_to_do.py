"""A run with nothing to do ends at once: the film is in the store, neither provider nor engine is asked. An API gets its record."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys

import bought
import httpx
import pytest
from processes import until

from longtake import Studio
from longtake import store as stores
from longtake.cli import board as boards
from longtake.ledger import Budget, Ledger, Purchase, account_of
from longtake.prefect.recorded import tags_of
from longtake.provider import client, http_clients
from longtake.settings import Settings
from longtake.studio import summary
from longtake.studio.unchanged import unchanged

URL = "http://127.0.0.1:9/api/v1"
"""Nothing listens there."""


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with a storyboard of three shots and the store as a complete run left it."""
    text = bought.board(3)
    (tmp_path / "film.yaml").write_text(text)
    settings = Settings(base_url=URL, api_key="a-key", store=str(tmp_path / "store"))
    bought.buy(text, stores.of(settings), settings)
    for name in [name for name in os.environ if name.startswith(("PREFECT_", "LONGTAKE_", "REAPI_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("LONGTAKE_BASE_URL", URL)
    monkeypatch.setenv("LONGTAKE_API_KEY", "a-key")
    monkeypatch.setenv("LONGTAKE_STORE", settings.store)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "prefect"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*options):
    command = [sys.executable, "-P", "-m", "longtake.cli", "run", "film.yaml", "--json", *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def film():
    found = boards.read("film.yaml")
    return unchanged(found.resolved, catalog=found.catalog, settings=found.settings, film=found.film)


def test_it_gives_the_film_and_its_shots(place):
    done = run()
    assert done.returncode == 0
    assert done.stderr == "nothing to do: 3 shots, none to buy, and the film is there\n"
    answer = json.loads(done.stdout)
    assert place.joinpath(answer["film"]).read_bytes() == bought.FILM_BYTES
    assert [(shot["id"], shot["state"]) for shot in answer["shots"]] == [(f"shot-{n}", "current") for n in range(3)]
    assert (answer["credits"]["charged"], answer["would_cost"], answer["flow_run_id"]) == (0, 0, None)
    assert not (place / "prefect").exists()


@pytest.mark.prefect
def test_with_an_api_it_is_a_completed_flow_run_although_no_engine_is_loaded(place, prefect_api, monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", prefect_api)
    code = "import sys; from longtake.cli import main; main(sys.argv[1:]); print('prefect' in sys.modules)"
    command = [sys.executable, "-P", "-c", code, "run", "film.yaml", "--json", "--label", "campaign=autumn"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    *answer, loaded = done.stdout.strip().splitlines()
    assert (loaded, done.stderr) == ("False", "nothing to do: 3 shots, none to buy, and the film is there\n")
    run = json.loads("\n".join(answer))["flow_run_id"]

    def ask(path, **body):
        return httpx.post(f"{prefect_api}/{path}", json=body).raise_for_status().json()

    mine = {"flow_runs": {"id": {"any_": [run]}}}
    (found,) = ask("flow_runs/filter", **mine)
    assert (found["name"], found["tags"]) == ("film A Long Film", tags_of("a-long-film", (place / "store").as_uri()))
    assert (found["state"]["type"], found["parameters"]["board"]) == ("COMPLETED", str(place / "film.yaml"))
    assert found["start_time"] <= found["end_time"]
    shown = {one["key"]: one["data"] for one in ask("artifacts/filter", **mine)}
    assert set(shown) == {f"a-long-film-{name}" for name in ("progress", "shots", "summary")}
    rows = json.loads(shown["a-long-film-shots"])
    assert [(row["shot"], row["state"]) for row in rows[:-1]] == [(f"scene-0/shot-{n}", "current") for n in range(3)]
    assert "Nothing had to be bought." in shown["a-long-film-summary"]
    assert f"/runs/flow-run/{run}" in shown["a-long-film-summary"]
    (line,) = ask("logs/filter", logs={"flow_run_id": {"any_": [run]}})
    assert line["message"].startswith("nothing to do: 3 shots")
    assert ask("flow_runs/count", flow_runs={"state": {"type": {"any_": ["RUNNING"]}}, **mine["flow_runs"]}) == 0


@pytest.mark.prefect
def test_what_a_run_with_nothing_to_do_leaves_can_trigger_automations(place, prefect_api, monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", prefect_api)
    run_id = json.loads(run("--label", "campaign=autumn").stdout)["flow_run_id"]
    wanted = {"event": {"prefix": ["longtake."]}, "any_resource": {"id": [f"prefect.flow-run.{run_id}"]}}

    def sent():
        found = httpx.post(f"{prefect_api}/events/filter", json={"filter": wanted}).raise_for_status().json()["events"]
        return {one["event"]: one for one in found} if len(found) == 2 else None

    events = until(sent, why="the events are stored")
    assert events["longtake.film.started"]["payload"]["to_buy"] == 0
    ready = events["longtake.film.ready"]
    assert ready["resource"]["prefect.resource.id"] == "longtake.film.a-long-film"
    assert ready["resource"]["longtake.label.campaign"] == "autumn"
    assert ready["payload"]["place"].endswith("film.mp4")


@pytest.mark.slow
def test_with_an_api_that_is_away_the_run_belongs_to_prefect(place, monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    done = run()
    assert done.returncode == 1
    assert "Prefect failed the run" in done.stderr


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("prefect.toml", ""),
        ("pyproject.toml", '[tool.prefect.api]\nurl = "http://127.0.0.1:9/api"\n'),
        (".env", "PREFECT_API_URL=http://127.0.0.1:9/api\n"),
        ("prefect/profiles.toml", 'active = "a"\n[profiles.a]\nPREFECT_API_URL = "http://127.0.0.1:9/api"\n'),
    ],
)
def test_an_api_may_be_configured_in_a_file(place, file, text):
    from longtake.cli import run as command

    assert not command.has_api()
    (place / file).parent.mkdir(exist_ok=True)
    (place / file).write_text(text)
    assert command.has_api()


def test_a_provider_that_does_not_answer_holds_up_no_film_that_needs_nothing_of_it(place, monkeypatch):
    monkeypatch.setattr(summary, "IDLE_PATIENCE", 0.1)
    for module in (client, http_clients):
        # Far beyond what a test may take: only the run's own patience ends the wait.
        monkeypatch.setattr(module, "GET_TIMEOUT", 86_400.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("LONGTAKE_BASE_URL", f"http://127.0.0.1:{silent.getsockname()[1]}/api/v1")
        made = Studio.from_env().make_sync("film.yaml")
    assert [one.state for one in made.shots.values()] == ["current"] * 3


def change_a_prompt(place):
    (place / "film.yaml").write_text(bought.board(3).replace("number 1", "number one"))


def read_an_input_from_a_url(place):
    text = bought.board(3).replace('number 0"}', 'number 0", first_frame: "https://example.com/a.png"}')
    (place / "film.yaml").write_text(text)


def ask_a_person(place):
    (place / "film.yaml").write_text(bought.board(3) + "approval: {before: [spending]}\n")


def lose_the_film(place):
    next(place.glob("store/films/a-long-film/*/film.mp4")).write_bytes(b"")


def lose_the_snapshot(place):
    for path in place.glob("store/films/a-long-film/state/*"):
        path.unlink()


def claim_a_take(place):
    settings = Settings(base_url=URL)
    ledger = Ledger(stores.open(str(place / "store")), account_of(settings.host, "another-key"))
    purchase = Purchase(
        film="a-long-film", scene="scene-0", shot="shot-9", take=1, fingerprint="0" * 64, description="0" * 64,
        model="seedance-2.5", run="another", expected=1, reserve=1,
    )  # fmt: skip
    assert ledger.claim(purchase, body={}, budget=Budget(), kept=lambda: False).attempt is not None


@pytest.mark.parametrize(
    "change",
    [change_a_prompt, read_an_input_from_a_url, ask_a_person, lose_the_film, lose_the_snapshot, claim_a_take],
    ids=lambda change: change.__name__,
)
def test_whatever_else_there_may_be_to_do_is_for_a_run(place, change):
    assert film() is not None
    change(place)
    assert film() is None
