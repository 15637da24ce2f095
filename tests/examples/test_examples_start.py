"""Examples to start from: each says its price and makes its films on the emulator, where a second run is free."""

from __future__ import annotations

import datetime as dt
import importlib.util
import json
import re
import shutil
from pathlib import Path

import pytest

import longtake as lt

EXAMPLES = Path(__file__).parents[2] / "examples"
BOARDS = {
    "catalog-films": "set.yaml",
    "series": "series.yaml",
    "three-ratios": "set.yaml",
    "montage": "montage.yaml",
    "nightly-channel": "channel.py",
}
PIXELS = {"480p": {"16:9": (160, 90), "9:16": (90, 160), "1:1": (96, 96)}}


PREFECT = pytest.param("nightly-channel", marks=pytest.mark.slow)
"""The one that imports Prefect."""


def channel():
    spec = importlib.util.spec_from_file_location("channel", EXAMPLES / "nightly-channel" / "channel.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def board_of(name):
    """What an example plans: the path of its storyboard or set, or what its script builds."""
    if BOARDS[name].endswith(".py"):
        return channel().board_of(dt.date(2026, 11, 27))
    return EXAMPLES / name / BOARDS[name]


@pytest.fixture
def studio(open_account, tmp_path, monkeypatch):
    """A studio on an emulator of small clips in three ratios, and its account."""
    catalog = tmp_path / "catalog.json"
    catalog.write_text(
        json.dumps({"inputs": {"image": {"side": {"min": 16}}}, "models": {"seedance-2.5": {"pixels": PIXELS}}})
    )
    account = open_account(catalog=catalog)
    for name, value in account.env.items():
        monkeypatch.setenv(name, value)
    return lt.Studio.from_env(), account


@pytest.mark.parametrize("name", [*(name for name in BOARDS if name != "nightly-channel"), PREFECT])
def test_the_readme_of_an_example_says_its_price(name, tmp_path, monkeypatch):
    monkeypatch.setenv("LONGTAKE_STORE", str(tmp_path))
    board = board_of(name)
    studio = lt.Studio.from_env()
    plan = studio.plan_set(board) if BOARDS[name].endswith(("set.yaml", "series.yaml")) else studio.plan(board)
    assert f"**{plan.expected} credits**" in (EXAMPLES / name / "README.md").read_text()
    assert re.search(rf"\[{name}\].*\| {plan.expected} credits", (EXAMPLES / "README.md").read_text())


def test_every_example_to_start_from_is_tested():
    assert set(BOARDS) == {path.parent.name for path in EXAMPLES.glob("*/README.md")}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["series", pytest.param("three-ratios", marks=pytest.mark.deep)])
def test_a_set_of_films_is_made_and_a_second_run_is_free(name, studio, tmp_path):
    studio, account = studio
    board = tmp_path / "set.yaml"
    shutil.copytree(EXAMPLES / name, tmp_path, dirs_exist_ok=True)
    board.write_text(re.sub(r"^canary:.*\n", "", (EXAMPLES / name / BOARDS[name]).read_text(), flags=re.MULTILINE))
    result = studio.make_set_sync(board)
    assert [film.state for film in result.films] == ["whole"] * 3
    posts = account.posts
    assert posts == {"series": 7, "three-ratios": 9}[name]
    studio.make_set_sync(board)
    assert account.posts == posts
    sizes = {take["body"]["size"] for take in account.emulator.tasks()}
    assert sizes == {"series": {"9:16"}, "three-ratios": {"16:9", "9:16", "1:1"}}[name]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "shots", "frames"), [("montage", 4, 385), pytest.param("nightly-channel", 3, 291, marks=pytest.mark.deep)]
)
def test_a_film_is_made_and_a_second_run_is_free(name, shots, frames, studio):
    from longtake.media import probe

    studio, account = studio
    film = studio.make_sync(board_of(name), budget=1500)
    assert account.posts == shots
    assert probe(Path(film.path)).frames == frames
    assert studio.make_sync(board_of(name)).cost.charged == 0


@pytest.mark.slow
def test_the_channel_is_deployed_as_its_file_says():
    from ruamel.yaml import YAML

    (one,) = YAML(typ="safe").load((EXAMPLES / "nightly-channel" / "deployments.yaml").read_text())["deployments"]
    assert one["entrypoint"] == "channel.py:channel"
    assert set(one["parameters"]) <= set(channel().channel.parameters.properties)
    assert one["concurrency_limit"]["limit"] == 1


@pytest.mark.deep
def test_the_channel_runs_as_a_flow(run, provider, prefect_api):
    printed = run(EXAMPLES / "nightly-channel" / "channel.py", PREFECT_API_URL=prefect_api)
    assert printed.splitlines()[-1] == "960 credits"
    assert provider.posts == 3
