"""The installed distribution plans, shoots, and joins a film of two shots, and accounts for each credit it costs.

Nothing here is imported from a checkout but this file: `.ci/wheel` runs it against the wheel on every interpreter.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sysconfig
import urllib.request
from importlib import metadata
from pathlib import Path

import pytest

LONGTAKE = Path(sysconfig.get_path("scripts")) / "longtake"
FRAMES = 97
"""Frames of a clip of 4 seconds at 24 a second."""
BOARD = """\
schema: longtake/1
title: The Pier
model: seedance-2.5
defaults: {resolution: 480p, size: "16:9", duration: 4, generate_audio: true}
budget: 1000
scenes:
  - id: one
    shots:
      - {id: pier, prompt: "A pier"}
      - {id: boat, prompt: "A boat"}
"""


@pytest.fixture
def longtake(tmp_path):
    """Run the command in an empty folder, without this person's settings; gives what it prints."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("LONGTAKE_", "REAPI_", "PREFECT_", "PYTHON"))}
    env["PREFECT_HOME"] = str(tmp_path / "prefect")

    def run(*words, **settings):
        done = subprocess.run(
            [LONGTAKE, *words], cwd=tmp_path, env={**env, **settings}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


@contextlib.contextmanager
def emulator(folder, store):
    """A provider in its own process; gives its addresses."""
    options = ["--processing", "0.1", "--speed", "ultrafast", "--public", str(store)]
    with (folder / "emulator.log").open("wb") as log:
        process = subprocess.Popen([LONGTAKE, "emulator", *options], cwd=folder, stdout=subprocess.PIPE, stderr=log)
    try:
        yield json.loads(process.stdout.readline())
    finally:
        process.terminate()
        process.wait(timeout=30)
        process.stdout.close()


def asked(url):
    with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - the emulator's own address
        return json.load(answer)


def test_the_command_has_the_version_of_the_distribution(longtake):
    assert longtake("--version").split() == ["longtake", metadata.version("longtake")]


def test_a_plan_of_the_example(longtake):
    longtake("new", "film.yaml")
    plan = json.loads(longtake("plan", "film.yaml", "--json"))
    assert plan["expected"] > 0
    assert {shot["state"] for shot in plan["shots"]} <= {"missing", "blocked"}


@pytest.mark.slow
@pytest.mark.timeout(600)  # about 15 seconds of CPU, half of them Prefect's own server; a busy machine takes minutes
def test_a_film_of_two_shots_and_its_credits(longtake, tmp_path):
    import av

    store = tmp_path / "store"
    store.mkdir()
    (tmp_path / "pier.yaml").write_text(BOARD)
    with emulator(tmp_path, store) as address:
        settings = {
            "LONGTAKE_API_KEY": "emulator-key",
            "LONGTAKE_BASE_URL": address["base_url"],
            "LONGTAKE_PUBLIC_URL": address["store_url"],
            "LONGTAKE_STORE": str(store),
        }
        made = json.loads(longtake("run", "pier.yaml", "--json", **settings))
        spent = json.loads(longtake("credits", "--json", **settings))
        books = asked(f"{address['admin_url']}/books")
        tasks = asked(f"{address['admin_url']}/tasks")

    assert [shot["state"] for shot in made["shots"]] == ["bought", "bought"]
    assert [image["role"] for image in tasks[1]["body"]["image_with_roles"]] == ["first_frame"]  # the boat's
    assert len(list((store / "media").glob("*.mp4"))) == 2
    assert len(list((store / "media").glob("*.png"))) == 2  # each clip's last frame
    with av.open(made["film"]) as film:
        assert len(film.streams.audio) == 1
        assert [chapter["metadata"]["title"] for chapter in film.chapters()] == ["one/pier", "one/boat"]
        # The frame that both shots show is in the film once.
        assert sum(1 for _ in film.decode(video=0)) == 2 * FRAMES - 1

    charged = sum(entry["credits"] for entry in books["entries"] if entry["kind"] == "debit")
    assert charged == books["opening"] - books["balance"] > 0
    assert sum(shot["settled"] for shot in spent["shots"]) == spent["total"]["settled"] == charged
    assert made["credits"]["charged"] == charged
    assert spent["total"]["in_doubt"] == spent["total"]["reserved"] == 0
