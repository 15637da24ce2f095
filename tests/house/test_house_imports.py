"""What a door costs to open: which modules are loaded for what a user imports."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from longtake import storyboard

ENGINE = ("prefect", "longtake.flows", "longtake.tasks", "longtake.blocks", "longtake.prefect")
HEAVY = (
    "httpx",
    "av",
    "boto3",
    "botocore",
    "ruamel.yaml",
    "rich",
    "fastapi",
    "uvicorn",
    "ffmpeg",
    "imageio_ffmpeg",
    "opentelemetry",
)
BOARD = (
    "import longtake as lt\n"
    "board = lt.Storyboard(title='Small', model='seedance-2.5', scenes=[lt.Scene('one', [lt.Shot('pier', 'A pier')])])\n"
)


def loaded(code, folder):
    """The modules that a fresh Python has loaded after some code."""
    ending = "\nimport sys, json\nprint(json.dumps(sorted(sys.modules)))"
    command = [sys.executable, "-P", "-c", code + ending]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_importing_longtake_loads_nothing_but_the_helper_that_loads_the_rest(tmp_path):
    found = loaded("import longtake", tmp_path)
    assert {name for name in found if name.startswith("longtake")} == {"longtake", "longtake.lazy", "longtake.version"}
    assert not found & {"pydantic", "asyncio", *ENGINE, *HEAVY}


@pytest.mark.slow
@pytest.mark.parametrize(
    "code",
    [
        "from longtake import Studio, Storyboard",
        "from longtake import Observer, Event, Step, Answer, Question, Approval, Budget, LongtakeError",
        BOARD + "studio = lt.Studio('a-key', 'films')",
    ],
)
def test_the_front_door_loads_no_engine_no_client_and_no_media(code, tmp_path):
    assert not loaded(code, tmp_path) & {*ENGINE, *HEAVY}


def test_a_plan_of_a_storyboard_in_python_loads_no_engine_no_client_and_no_media(tmp_path):
    # The catalog is a YAML file.
    found = loaded(BOARD + "assert lt.Studio(store='films').plan(board).reserve", tmp_path)
    assert not found & {*ENGINE, *HEAVY} - {"ruamel.yaml"}


def test_a_plan_of_a_file_loads_no_engine_no_client_and_no_media(tmp_path):
    (tmp_path / "film.yaml").write_text(storyboard.starter())
    code = "import contextlib, io\nfrom longtake.cli import main\n"
    code += "with contextlib.redirect_stdout(io.StringIO()):\n    assert main(['plan', 'film.yaml', '--json']) == 0"
    assert not loaded(code, tmp_path) & {*ENGINE, *HEAVY, "PIL", "jinja2"} - {"ruamel.yaml"}


def test_a_storyboard_in_python_is_written_checked_and_shown_without_a_reader_of_yaml(tmp_path):
    code = "board.to_yaml(), board.check(), board._repr_html_(), lt.storyboard.load_any(board)"
    assert not loaded(f"{BOARD}import longtake.storyboard\n{code}", tmp_path) & {*ENGINE, *HEAVY, "asyncio"}


def test_the_rooms_of_storyboards_requests_and_models_load_no_engine_no_client_and_no_media(tmp_path):
    found = loaded("import longtake.storyboard, longtake.request, longtake.catalog", tmp_path)
    assert not found & {*ENGINE, *HEAVY}


def test_the_command_that_plans_loads_nothing_that_only_a_purchase_or_a_join_needs(tmp_path):
    code = "from longtake import cli\ncli.parsed(['plan', 'film.yaml'])"
    assert not loaded(code, tmp_path) & {*ENGINE, *HEAVY, "asyncio", "ssl", "longtake.timeline", "longtake.studio"}


def test_what_makes_films_loads_no_telemetry_before_it_is_asked_for(tmp_path):
    found = loaded(
        "import longtake.studio.connections, longtake.studio.film_run, longtake.studio.concatenating", tmp_path
    )
    assert "opentelemetry" not in found
    assert {name for name in found if name.startswith("longtake.telemetry.")} == set()


def test_everything_but_flows_tasks_and_blocks_is_there_without_the_engine(tmp_path):
    found = loaded("import longtake\nassert all(getattr(longtake, name) for name in longtake.__all__)", tmp_path)
    assert not found & set(ENGINE)
