"""OpenLineage events of a film name what went into it and what came out, and hold neither keys nor prompts."""

from __future__ import annotations

import asyncio
import json
import sys

import pytest

from longtake import Observer, Scene, Storyboard, Studio
from longtake.errors import FilmIncompleteError, SettingsError


@pytest.fixture
def events(account, monkeypatch, tmp_path):
    """`events()`: what was sent since the last call, through the client's transport for files."""
    log = tmp_path / "lineage.jsonl"
    monkeypatch.setenv("LONGTAKE_OPENLINEAGE", "on")
    for name, value in {"TYPE": "file", "LOG_FILE_PATH": str(log), "APPEND": "true"}.items():
        monkeypatch.setenv(f"OPENLINEAGE__TRANSPORT__{name}", value)

    def read():
        text = log.read_text() if log.exists() else ""
        log.unlink(missing_ok=True)
        for secret in (account.key, account.marker, account.base_url):
            assert secret not in text
        return [json.loads(line) for line in text.splitlines()]

    return read


def names(datasets):
    assert {one["namespace"] for one in datasets} <= {"file"}
    return {one["name"] for one in datasets}


def clip_of(account, film, shot):
    return str(account.folder / film.shots[shot].take.clip.key)


@pytest.mark.slow
def test_a_film_is_a_job_with_its_inputs_and_takes(account, events):
    board = account.board("first", "second", title="Tides")
    studio = Studio.from_env()
    film = asyncio.run(studio.make(board))
    started, ended = events()
    assert [started["eventType"], ended["eventType"]] == ["START", "COMPLETE"]
    assert started["run"]["runId"].replace("-", "") == ended["run"]["runId"].replace("-", "") == film.run
    assert started["job"] == {**ended["job"]}
    assert (ended["job"]["namespace"], ended["job"]["name"]) == ("longtake", "tides")
    assert names(ended["inputs"]) == set()
    folder = str(account.folder / "films" / "tides")
    clips = {clip_of(account, film, shot) for shot in ("first", "second")}
    assert names(ended["outputs"]) == {folder, *clips}
    (made,) = [one for one in ended["outputs"] if one["name"] == folder]
    assert made["facets"]["version"]["datasetVersion"] == film.path.parent.name

    changed = account.board("first", "third", title="Tides")
    film = asyncio.run(studio.make(changed))
    _, ended = events()
    assert names(ended["inputs"]) == {clip_of(account, film, "first")}, "a kept take is an input of the next film"
    assert clip_of(account, film, "third") in names(ended["outputs"])


def test_a_film_that_misses_a_shot_fails_with_the_takes_it_has(account, events):
    account.fault({"what": "fail-80006"}, shot="second")
    with pytest.raises(FilmIncompleteError) as caught:
        Studio.from_env().make_sync(account.board("first", "second"))
    ended = events()[-1]
    assert ended["eventType"] == "FAIL"
    assert names(ended["outputs"]) == {clip_of(account, caught.value.film, "first")}


def test_a_film_that_is_cancelled_is_aborted(account, events):
    account.fault({"what": "slow", "seconds": 3600}, shot="first")

    class Bought(Observer):
        def notify(self, event):
            if event.name == "attempt.accepted":
                bought.set()

    bought = asyncio.Event()

    async def cancelled():
        run = asyncio.create_task(Studio.from_env(observers=[Bought()]).make(account.board("first")))
        await bought.wait()
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run

    asyncio.run(cancelled())
    started, ended = events()
    assert [started["eventType"], ended["eventType"]] == ["START", "ABORT"]
    assert started["run"] == ended["run"]


def test_files_of_the_storyboard_are_inputs(account, events):
    studio = Studio.from_env()
    frame = account.folder / studio.make_sync(account.board("first")).shots["first"].take.last_frame.key
    events()
    scene = Scene("s", [account.shot("second", first_frame=str(frame))])
    studio.make_sync(Storyboard(title="Pictured", scenes=[scene]))
    started, ended = events()
    assert names(started["inputs"]) == names(ended["inputs"]) == {str(frame)}


def test_a_backend_that_is_away_costs_no_film(account, events, monkeypatch):
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__LOG_FILE_PATH", "/proc/no/such/place")
    assert Studio.from_env().make_sync(account.board("first")).path.is_file()


@pytest.mark.slow
def test_without_the_extra_a_run_says_so_before_anything_is_sent(account, events, monkeypatch):
    monkeypatch.setitem(sys.modules, "openlineage.client", None)
    before = account.received()
    with pytest.raises(SettingsError, match="longtake\\[openlineage\\]"):
        Studio.from_env().make_sync(account.board("first"))
    assert account.received() == before
