"""The `longtake` command without an engine: what it prints, how it fails, and its exit codes."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys

import pytest
from commands import BOARD, KEY, PRICE

from longtake import __version__, cli, storyboard
from longtake.cli import main

pytestmark = pytest.mark.usefixtures("settings")

TEN_MISTAKES = """\
schema: longtake/1
title: Ten Mistakes
model: seedance-2.5
defaults: {resolution: 4k, durations: 5}
budget: -5
scenes:
  - id: one
    shots:
      - {id: Bad Id, prompt: "a"}
      - {id: long, prompt: "a", duration: 99}
      - {id: wide, prompt: "a", size: "17:9"}
      - {id: twice, prompt: "a", takes: 0}
      - {id: twice, prompt: "a"}
      - {id: lost, prompt: "a", continue_from: nowhere}
      - {id: cast, prompt: "a", continue_from: null, references: [nobody]}
"""


# -- plan ----------------------------------------------------------------------------------------------------------------


def test_a_plan_needs_no_key_and_says_what_a_run_would_do(longtake, board, tmp_path):
    code, out, err = longtake("plan", board, "--json")
    plan = json.loads(out)
    assert (code, err) == (0, "")
    assert [(s["shot"], s["state"], s["to_buy"], s["chain"], s["continues"]) for s in plan["shots"]] == [
        ("one/pier", "missing", 1, 1, None),
        ("one/boat", "blocked", 2, 1, "pier"),
        ("two/gull", "missing", 1, 2, None),
    ]
    assert (plan["film"], plan["expected"], plan["reserve"], plan["budget"], plan["used"]["film"]) == (
        "the-pier", 4 * PRICE, 4 * PRICE, {"film": 1000, "set": None, "run": None, "day": None}, 0,
    )  # fmt: skip
    assert (plan["frames"], plan["chains"], plan["longest_chain"], plan["longest_chain_seconds"]) == (
        3 * 97 - 1,
        2,
        2,
        8,
    )
    assert plan["planning_rates"] is True
    assert not (tmp_path / "store" / "ledger").exists()


def test_a_plan_for_people(longtake, board):
    code, out, _ = longtake("plan", board)
    assert code == 0
    for text in (
        "one/pier",
        "one/boat",
        "two/gull",
        "640*",
        "1280 credits expected",
        "$1.28",
        "film budget: 1000 credits, 0 used so far: this DOES NOT FIT (1280 needed)",
        "planning rate",
    ):
        assert text in out


def test_a_plan_for_people_names_the_models_with_old_rates(longtake, settings, board, tmp_path):
    settings.setenv("LONGTAKE_CATALOG", str(tmp_path / "mine.yaml"))
    old = "{480p: {usd: '0.08', as_of: 2020-01-01, source: mine}}"
    (tmp_path / "mine.yaml").write_text(f"models: {{seedance-2.5: {{rates: {old}}}}}")
    assert "rates of seedance-2.5 are " in longtake("plan", board)[1]
    assert [one["model"] for one in json.loads(longtake("plan", board, "--json")[1])["old_rates"]] == ["seedance-2.5"]
    (tmp_path / "mine.yaml").write_text("billing: {stale_days: 100000}")
    assert "days old" not in longtake("plan", board)[1]


def test_a_plan_asks_the_budgets_that_a_run_would_ask(longtake, settings, board):
    settings.setenv("LONGTAKE_RUN_BUDGET", "10")
    settings.setenv("LONGTAKE_DAY_BUDGET", "5000")
    board.write_text(BOARD.replace("budget: 1000", "budget: 1280"))
    code, out, _ = longtake("plan", board)
    assert code == 0
    assert [line for line in out.splitlines() if "budget" in line] == [
        "film budget: 1280 credits, 0 used so far: this fits",
        "run budget: 10 credits: this DOES NOT FIT (1280 needed)",
        "day budget: 5000 credits, 0 used today: this fits",
    ]
    code, out, _ = longtake("plan", board, "--json")
    plan = json.loads(out)
    assert code == 0
    assert plan["budget"] == {"film": 1280, "set": None, "run": 10, "day": 5000}
    assert plan["refusals"] == [{"scope": "run", "budget": 10, "needed": 1280, "available": 10, "refunds": 0}]


def test_a_plan_for_people_is_like_a_diff(longtake, board):
    lines = [line.split() for line in longtake("plan", board)[1].splitlines()]
    assert ["+", "one/pier", "missing", "new"] in [words[:4] for words in lines]
    assert ["+", "one/boat", "blocked", "waits", "for", "pier"] in [words[:6] for words in lines]


def test_a_shot_to_retake_must_be_one(longtake, board):
    code, out, err = longtake("plan", board, "--retake", "bot", "--json")
    assert code == 2
    assert json.loads(out)["error"]["kind"] == "SettingsError"
    assert "no shot has the id bot" in err
    assert "name one of boat, pier, gull" in err
    assert longtake("plan", board, "--retake", "boat", "--retake", "two/gull")[0] == 0


@pytest.mark.parametrize("command", ["plan", "run"])
def test_ten_mistakes_are_told_at_once_with_their_lines(longtake, tmp_path, command):
    path = tmp_path / "ten.yaml"
    path.write_text(TEN_MISTAKES)
    code, out, err = longtake(command, path, "--json")
    assert code == 2
    error = json.loads(out)["error"]
    assert error["kind"] == "StoryboardError"
    problems = error["problems"]
    assert len(problems) == 10
    lines = [int(p.removeprefix(f"{path}:").split(":")[0]) for p in problems]
    assert lines == [4, 4, 5, 9, 10, 11, 12, 13, 14, 15]
    assert all("allowed:" in p for p in problems)
    assert err.splitlines()[0] == f"longtake: {path} has 10 problems"
    assert [line.strip() for line in err.splitlines()[1:-1]] == problems
    assert err.splitlines()[-1].startswith("Next: ")


def test_a_storyboard_that_is_not_there(longtake, tmp_path):
    code, _, err = longtake("plan", tmp_path / "nowhere.yaml")
    assert code == 2
    assert "nowhere.yaml:1: the file cannot be read" in err


def test_a_reader_that_goes_away_is_no_error(board):
    command = f'"{sys.executable}" -m longtake.cli plan "{board}" | true'
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=False)
    assert done.stderr == ""


def test_a_plan_shows_40_rows_of_80_columns_unless_all_are_asked_for(longtake, tmp_path, settings):
    shots = "".join(f"      - {{id: shot-{n}, prompt: A pier}}\n" for n in range(100))
    path = tmp_path / "long.yaml"
    path.write_text(BOARD.partition("  - id: one")[0] + f"  - id: one\n    shots:\n{shots}")
    out = longtake("plan", path)[1].splitlines()
    assert sum("one/shot-" in line for line in out) == 40
    assert "and 60 more: `longtake plan --all` shows every shot" in out
    out = longtake("plan", path, "--all")[1].splitlines()
    table = out[: out.index("")]
    assert sum("one/shot-" in line for line in table) == 100
    assert max(map(len, table)) <= 80
    assert table[-1] == "model: seedance-2.5 480p"
    settings.setenv("COLUMNS", "120")
    assert "seedance-2.5 480p" in longtake("plan", path)[1].splitlines()[2]


def test_a_plan_reads_a_storyboard_at_a_url(longtake, board):
    assert longtake("plan", board.as_uri(), "--json")[0] == 0
    code, _, err = longtake("plan", "http://127.0.0.1:9/pier.yaml")
    assert code == 2
    assert "http://127.0.0.1:9/pier.yaml" in err


def test_the_old_key_of_a_storyboard_names_the_new_one(longtake, board):
    board.write_text(BOARD.replace("budget: 1000", "follow: keep"))
    code, _, err = longtake("plan", board)
    assert code == 2
    assert f'{board}:5: the key "follow" is now "downstream"; allowed: downstream: bridge, cascade or keep' in err


# -- new, schema, help ---------------------------------------------------------------------------------------------------


def test_a_new_storyboard_plans_clean_and_is_never_overwritten(longtake, tmp_path):
    path = tmp_path / "film.yaml"
    assert longtake("new", path)[0] == 0
    assert longtake("plan", path)[0] == 0
    path.write_text("mine")
    code, _, err = longtake("new", path)
    assert code == 2
    assert "is there already" in err
    assert path.read_text() == "mine"
    assert longtake("new", tmp_path / "no" / "such" / "folder.yaml")[0] == 2


def test_the_schema_is_the_storyboards(longtake):
    code, out, _ = longtake("schema")
    assert code == 0
    assert json.loads(out) == storyboard.json_schema()
    assert json.loads(longtake("schema", "--manifest")[1])["title"] == "Longtake manifest"


def test_help_lists_every_command_and_the_exit_codes_and_ends_with_0(capsys):
    for words in (["--help"], ["--version"]):
        with pytest.raises(SystemExit) as ended:
            main(words)
        assert ended.value.code == 0
    said = capsys.readouterr().out
    assert f"longtake {__version__}" in said
    assert "exit codes: 0 done, 1 failed, 2 bad input, 3 budget, 4 in doubt" in said
    for command in cli.COMMANDS:
        assert f"\n  {command} " in said


def test_the_command_alone_prints_its_help(longtake, capsys):
    code, out, err = longtake()
    assert (code, err) == (0, "")
    with pytest.raises(SystemExit):
        main(["--help"])
    assert capsys.readouterr().out == out


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_every_command_has_help_with_examples_of_its_own(capsys, command):
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    out = capsys.readouterr().out
    assert f"usage: longtake {command}" in out
    examples = out.partition("examples:\n")[2].splitlines()
    assert 1 <= len(examples) <= 2
    for example in examples:
        assert f"longtake {command}" in example


def test_every_example_of_the_help_can_be_called():
    examples = [example for command in cli.COMMANDS.values() for example in command.examples]
    for example in (*examples, *cli.EXAMPLES):
        words = shlex.split(re.search(r"longtake [^)>]*", example)[0], comments=True)
        assert cli.parsed(words[1:]).command == words[1]


def test_every_command_is_in_one_group_of_the_help():
    assert sorted(name for names in cli.GROUPS.values() for name in names) == sorted(cli.COMMANDS)


@pytest.mark.parametrize(
    "words",
    [["fly"], ["plan"], ["plan", "a", "b"], ["plan", "a", "--downstream", "me"], ["credits", "resolve", "a1"]],
)
def test_wrong_words_are_bad_input(words, longtake):
    code, _, err = longtake(*words)
    assert code == 2
    assert "--help" in err


# -- run, before it becomes the flow -------------------------------------------------------------------------------------


def test_a_run_without_a_key_ends_before_an_engine_is_loaded(longtake, board):
    code, out, err = longtake("run", board, "--json")
    assert code == 2
    assert json.loads(out)["error"]["kind"] == "SettingsError"
    assert err.count("\n") == 1
    assert "LONGTAKE_API_KEY" in err


@pytest.mark.parametrize(
    "words", [[], ["pier.yaml", "--from-manifest", "a/b"], ["--retake", "pier", "--from-manifest", "a/b"]]
)
def test_a_run_is_of_a_storyboard_or_from_a_manifest(longtake, board, words):
    code, _, err = longtake("run", *words)
    assert code == 2
    assert "either a storyboard or --from-manifest" in err


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("LONGTAKE_BASE_URL", "ftp://somewhere"),
        ("LONGTAKE_BASE_URL", "https://user:pa55@somewhere/api"),
        ("LONGTAKE_MAX_IN_FLIGHT", "many"),
        ("LONGTAKE_RUN_BUDGET", "-1"),
    ],
)
def test_unusable_settings_are_named(longtake, settings, board, variable, value):
    settings.setenv("LONGTAKE_API_KEY", KEY)
    settings.setenv(variable, value)
    code, _, err = longtake("run", board)
    assert code == 2
    assert variable in err
    assert "pa55" not in err


@pytest.mark.parametrize(
    ("old", "new"), [("LONGTAKE_RUN_CAP", "LONGTAKE_RUN_BUDGET"), ("LONGTAKE_DAY_CAP", "LONGTAKE_DAY_BUDGET")]
)
def test_a_setting_under_its_old_name_is_refused(longtake, settings, board, old, new):
    settings.setenv(old, "100")
    code, _, err = longtake("plan", board)
    assert code == 2
    assert f"{old} is now called {new}. Next: set {new} and unset {old}" in err


def test_a_catalog_that_is_not_one(longtake, settings, board, tmp_path):
    (tmp_path / "catalog.yaml").write_text("models: 3")
    settings.setenv("LONGTAKE_CATALOG", str(tmp_path / "catalog.yaml"))
    code, _, err = longtake("plan", board)
    assert code == 2
    assert "catalog.yaml" in err


# -- emulator ------------------------------------------------------------------------------------------------------------


def test_an_emulator_with_unusable_options(longtake):
    code, _, err = longtake("emulator", "--faults", "{")
    assert code == 2
    assert "--faults" in err
