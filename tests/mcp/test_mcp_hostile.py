"""What an agent, a storyboard or a file name can try: nothing outside the folder is read, and no answer holds the key."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import subprocess
import sys

import pytest
from processes import clean_environment

from longtake.errors import SettingsError
from longtake.mcp.folder import Folder

BOARD = """\
schema: longtake/1
title: The Pier
model: seedance-2.5
defaults: {resolution: 480p, size: "16:9", duration: 4}
scenes:
  - id: one
    shots:
      - {id: pier, prompt: "A pier"}
"""


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "boards"
    (root / "sub" / ".hidden").mkdir(parents=True)
    (tmp_path / "secret.yaml").write_text("title: secret-words")
    for name in ("film.yaml", "sub/film.yml", "sub/.hidden/film.yaml", ".env", "notes.txt"):
        (root / name).write_text(BOARD)
    (root / "link.yaml").symlink_to(tmp_path / "secret.yaml")
    (root / "linked").symlink_to(tmp_path)
    (root / "alias.yaml").symlink_to(root / "sub" / "film.yml")
    (root / "dotted.yaml").symlink_to(root / ".env")
    (root / "ring.yaml").symlink_to(root / "ring.yaml")
    return root


@pytest.mark.parametrize("place", ["film.yaml", "sub/film.yml", "./sub/../film.yaml".replace("/..", ""), "alias.yaml"])
def test_storyboards_inside_the_folder_are_found(folder, place, monkeypatch):
    (folder / "sub" / "film.yaml").write_text(BOARD)
    monkeypatch.chdir(folder)
    assert (folder / Folder(folder).inside(place)).is_file()


@pytest.mark.parametrize(
    "place",
    [
        "",
        "../secret.yaml",
        "sub/../../secret.yaml",
        "/etc/passwd",
        "/etc/hosts.yaml",
        "link.yaml",
        "linked/secret.yaml",
        "dotted.yaml",
        "ring.yaml",
        ".env",
        "sub/.hidden/film.yaml",
        "notes.txt",
        "file:///etc/hosts.yaml",
        "http://127.0.0.1:1/film.yaml",
        "s3://bucket/film.yaml",
        "~/film.yaml",
        "..\\secret.yaml",
        "film.yaml\x00.yaml",
        "film.yaml\nfilm.yaml",
        "a/" * 600 + "film.yaml",
    ],
)
def test_other_places_are_refused(folder, place):
    with pytest.raises(SettingsError, match="is not a storyboard inside the folder") as refused:
        Folder(folder).inside(place)
    assert len(str(refused.value)) < 400


@pytest.mark.slow
def test_a_storyboard_names_no_file_outside_the_folder(desk):
    outside = desk.folder.parent / "private.png"
    outside.write_bytes(b"not to be read")
    (desk.folder / "link.png").symlink_to(outside)
    places = ["../private.png", str(outside), "link.png"]
    lines = BOARD.replace("scenes:", "references:\nscenes:").splitlines()
    names = [f"  name{number}: {json.dumps(place)}" for number, place in enumerate(places)]
    at = lines.index("references:") + 1
    text = "\n".join([*lines[:at], *names, *lines[at:]]).replace(
        '"A pier"', '"@name0, @name1, @name2", references: [name0, name1, name2]'
    )
    desk.write(text + "\nsound: {music: ../private.png}\n")

    async def main():
        async with desk.client() as client:
            found = (await client.call_tool("validate", {"storyboard": "film.yaml"})).structured_content
            plan = await client.call_tool("plan", {"storyboard": "film.yaml"})
            urls = [f"longtake://films/{film}/manifest" for film in ("..", "%2e%2e%2fledger", "a%2fb", "no-such-film")]
            errors = []
            for url in urls:
                try:
                    await client.read_resource(url)
                except Exception as error:  # noqa: BLE001 - whatever the client makes of it
                    errors.append(str(error))
            return found, plan, errors, len(urls)

    found, plan, errors, count = asyncio.run(main())
    outside_ones = [one for one in found["findings"] if "lies outside the folder" in one["message"]]
    assert [(one["file"], one["line"], one["column"]) for one in outside_ones] == [
        ("film.yaml", 6, 3),
        ("film.yaml", 7, 3),
        ("film.yaml", 8, 3),
        ("film.yaml", 13, 9),
    ]
    assert plan.is_error
    assert "lies outside the folder" in plan.content[0].text
    assert len(errors) == count


@pytest.mark.slow
def test_mistakes_have_a_line_and_a_column(desk):
    desk.write(BOARD.replace("prompt:", "promt:"), "typo.yaml")
    desk.write("title: [", "broken.yaml")

    async def main():
        async with desk.client() as client:
            return [
                (await client.call_tool("validate", {"storyboard": name})).structured_content
                for name in ("typo.yaml", "broken.yaml")
            ]

    typo, broken = asyncio.run(main())
    first = typo["findings"][0]
    assert (typo["ok"], first["file"], first["line"]) == (False, "typo.yaml", 8)
    assert (first["column"], "promt" in first["message"]) == (20, True)
    assert (broken["ok"], broken["findings"][0]["line"]) == (False, 1)


def test_no_answer_holds_the_key_even_where_a_file_does(desk):
    key = desk.account.key
    desk.write(BOARD.replace("The Pier", f"Pier {key}").replace("A pier", f"a pier with {key}"), "film.yaml")
    desk.write(f"title: {key}\n{key}: 1\n", "broken.yaml")

    async def main():
        async with desk.client() as client:
            plan = (await client.call_tool("plan", {"storyboard": "film.yaml"})).structured_content
            assert plan["title"] == "Pier [hidden]"
            await client.call_tool("plan", {"storyboard": "broken.yaml"})
            await client.call_tool("validate", {"storyboard": "broken.yaml"})
            await client.call_tool("explain", {"error": "KeyRefusedError"})
            await client.call_tool("credits", {})

    asyncio.run(main())  # the fixture searches all that the servers wrote


NOISE = """\
import os, sys

def noise(name, given):
    if name == "open" and str(given[0]).endswith("film.yaml"):
        print("printed", flush=True)
        os.write(1, b"written\\n")
        os.system("echo by a child")

sys.addaudithook(noise)
"""
"""What some library might print to standard output at any time."""


def test_standard_output_is_the_protocols_alone(desk):
    desk.write(BOARD)

    async def main():
        async with desk.client(first=NOISE) as client:
            return (await client.call_tool("validate", {"storyboard": "film.yaml"})).structured_content["ok"]

    assert asyncio.run(main())  # the fixture reads each line of standard output
    said = desk.logs[1].read_text()
    assert all(words in said for words in ("printed", "written", "by a child"))


def test_without_the_extra_the_command_says_how_to_install_it(tmp_path):
    hidden = "import sys; sys.modules['mcp'] = None; from longtake.cli import main; sys.exit(main(['mcp']))"
    found = subprocess.run(
        [sys.executable, "-P", "-c", hidden],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=clean_environment(),
    )
    assert (found.returncode, found.stdout) == (2, "")
    assert "Next: pip install 'longtake[mcp]'" in found.stderr


@pytest.mark.slow
def test_a_folder_that_is_not_there_ends_the_command(tmp_path):
    assert importlib.util.find_spec("mcp")
    command = [sys.executable, "-P", "-m", "longtake.cli", "mcp", str(tmp_path / "nowhere")]
    found = subprocess.run(command, check=False, capture_output=True, text=True, env=clean_environment())
    assert (found.returncode, found.stdout) == (2, "")
    assert "is not a folder" in found.stderr
