"""The review page on this machine: who may look, who may decide, and that it serves what is in the store."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from processes import until

from longtake.review import Review, ReviewServer, WaitingRun
from longtake.review.server import MOST_BYTES
from longtake.settings import Settings


@pytest.fixture
def room(studio, write_board, engine):
    """A review of a film of two shots, the first with two takes."""
    path = studio.folder / "film.yaml"
    path.write_text(write_board("one: A!, two: B"))
    studio.run(path.read_text())
    settings = Settings(base_url="https://reapi.example/api/v1", store=studio.store.uri)
    with ReviewServer(Review(path, settings, approvals=engine), by="Ada") as server:
        yield server


@pytest.fixture
def person(room):
    """A client that opened the printed address: it has the cookie and the token."""
    headers = {"Origin": room.origin, "Authorization": f"Bearer {room.token}"}
    with httpx.Client(base_url=room.origin + room.home, headers=headers, trust_env=False) as client:
        answer = client.post(f"{room.origin}/session", content=b"{}")
        assert (answer.status_code, answer.json()) == (200, {"home": f"{room.home}/"})
        assert f"Path={room.home}/" in answer.headers["Set-Cookie"].split("; ")  # no other port is asked for this path
        yield client


def decisions(studio) -> list[str]:
    return studio.listed("films/a-small-film/revisions/") + studio.listed("films/a-small-film/remarks/")


def test_the_page_decides(studio, room, person):
    page = person.get("/")
    assert "default-src 'none'; script-src 'self'" in page.headers["Content-Security-Policy"]
    state = person.post("/choose", json={"shot": "one", "take": 2}).json()
    assert (state["shots"]["one"]["used"], state["expected"], state["current"]) == (2, 0, False)
    price = next(one for one in person.get("/price?shot=two").json() if one["downstream"] == "keep")
    retake = {"shot": "two", "downstream": "keep", "most": price["expected"]}
    assert person.post("/retake", json=retake).json()["expected"] == price["expected"] > 0
    said = person.post("/note", json={"text": "dark", "shot": "two", "seconds": 0.2}).json()["remarks"]
    assert [(one["text"], one["by"]) for one in said] == [("dark", "Ada")]
    assert person.post("/approve", json={}).json()["remarks"][-1]["kind"] == "approval"
    assert len(decisions(studio)) == 4
    refused = person.post("/choose", json={"shot": "one", "take": 9})
    assert (refused.status_code, refused.json()["message"]) == (409, "s0/one has no take 9")


def test_an_approval_is_for_the_question_that_was_shown(studio, room, person, engine):
    engine.runs = [WaitingRun("run", "first", "May it?", 100)]
    (shown,) = person.get("/state").json()["waiting"]
    assert (shown["question"], shown["credits"], engine.places) == ("first", 100, {("a-small-film", studio.store.uri)})
    given = {name: shown[name] for name in ("run", "question", "credits")}
    engine.runs = [replace(engine.runs[0], question="second", credits=900)]  # somebody else answered the first
    refused = person.post("/approve", json=given)
    assert (refused.status_code, engine.answers, decisions(studio)) == (409, [], [])
    assert "another question" in refused.json()["message"]
    assert person.post("/approve", json={"run": "run", "credits": 100}).status_code == 400
    assert person.post("/approve", json={**given, "question": "second"}).status_code == 200
    assert engine.answers == [("run", "second", 100, "Ada")]


def test_a_waiting_run_needs_what_it_was_asked_to_retake_and_what_a_review_decided(room, person, engine):
    price = next(one["expected"] for one in person.get("/price?shot=two").json() if one["downstream"] == "keep")
    engine.runs = [WaitingRun("run", "q", "May it?", price, retake=("two",), downstream="keep")]

    def needs():
        return person.get("/state").json()["waiting"][0]["credits"]

    assert needs() == price
    person.post("/retake", json={"shot": "one", "downstream": "keep", "most": price})
    assert needs() == 2 * price
    engine.runs = [replace(engine.runs[0], retake=("a shot that is not in this storyboard",), credits=5 * price)]
    assert needs() == 5 * price


def test_clips_pictures_and_the_film_are_those_of_the_store(studio, room, person):
    state = room.look()
    take = state.shots[0].used
    clip = person.get(f"/clip/{take.fingerprint}")
    assert (clip.content, clip.headers["Content-Type"]) == (studio.read(take.clip.key), "video/mp4")
    part = person.get(f"/clip/{take.fingerprint}", headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, clip.content[10:20])
    assert part.headers["Content-Range"] == f"bytes 10-19/{len(clip.content)}"
    assert person.get(f"/clip/{take.fingerprint}", headers={"Range": "bytes=99999999-"}).status_code == 416
    assert all(person.get(f"/{what}/{take.fingerprint}").content[:2] == b"\xff\xd8" for what in ("first", "last"))
    assert person.get("/film.mp4").content == studio.read(f"{state.home}film.mp4")
    for nothing in ("/clip/" + "0" * 64, "/media/x", "/price?shot=", "/price?shot=nine"):
        assert person.get(nothing).status_code in {404, 409}
    assert person.get("/../../etc/passwd").status_code in {403, 404}


def test_without_the_printed_address_there_is_nothing_to_see(room):
    with httpx.Client(base_url=room.origin, trust_env=False) as stranger:
        page = stranger.get("/")
        assert "A Small Film" not in page.text
        take = room.look().shots[0].used.fingerprint
        for path in ("/state", f"/clip/{take}", f"/first/{take}", "/film.mp4", "/manifest.json", "/price?shot=one"):
            assert stranger.get(path).status_code == 403
            assert stranger.get(room.home + path).status_code == 403
            known = {"Cookie": f"longtake-{room.port}={room.cookie}"}
            assert stranger.get(path, headers=known).status_code == 403
        for value in ("guess", "é", '"', ""):
            cookie = f"longtake-{room.port}={value}".encode()
            assert stranger.get(f"{room.home}/state", headers={"Cookie": cookie}).status_code == 403
    assert room.home not in page.text + str(page.headers)
    assert room.token not in page.text + str(page.headers)
    assert room.url == f"http://127.0.0.1:{room.port}/#token={room.token}"


OTHERS = (
    ({"Origin": "http://evil.example"}, 403),
    ({"Origin": "http://127.0.0.1:1"}, 403),  # another port of this machine
    ({"Origin": "null"}, 403),
    ({"Origin": ""}, 403),
    ({"Authorization": ""}, 403),
    ({"Authorization": "Bearer guess"}, 403),
    ({"Host": "evil.example"}, 421),  # a name that was made to resolve to this machine
    ({"Host": "127.0.0.1"}, 421),
    ({"Content-Type": "text/plain"}, 415),  # what a form of another page can send
)
BROKEN = (
    b"",
    b"[]",
    b"{",
    b'{"shot": "one"}',
    b'{"shot": "one", "take": "2"; }',
    b'{"shot": "one", "take": 2, "by": "Eve"}',
    b'{"shot": "one", "take": 1e99}',
    b"\xff\xfe",
)


def test_what_another_page_can_send_decides_nothing(studio, person):
    for change, status in OTHERS:
        answer = person.post("/choose", json={"shot": "one", "take": 2}, headers=change)
        assert (change, answer.status_code) == (change, status)
        assert "Access-Control-Allow-Origin" not in answer.headers
    assert decisions(studio) == []


def test_pictures_do_not_show_on_other_pages(room, person):
    take = room.look().shots[0].used.fingerprint
    for site in ("cross-site", "same-site"):
        assert person.get(f"/first/{take}", headers={"Sec-Fetch-Site": site}).status_code == 403
    answer = person.get(f"/first/{take}", headers={"Sec-Fetch-Site": "same-origin"})
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert person.get("/state", headers={"Host": "evil.example"}).status_code == 421


def test_the_body_of_a_refused_request_is_not_the_next_request(studio, room, person):
    hidden = f"GET /manifest.json HTTP/1.1\r\nHost: 127.0.0.1:{room.port}\r\n\r\n".encode()
    for method, host in (("POST", "evil.example"), ("GET", f"127.0.0.1:{room.port}")):
        answer = person.request(method, "/state", content=hidden, headers={"Host": host})
        assert answer.headers["Connection"] == "close"
        assert person.get("/state").json()["shots"]
    assert decisions(studio) == []


def test_what_is_no_decision_is_refused(studio, person):
    for body in BROKEN:
        answer = person.post("/choose", content=body, headers={"Content-Type": "application/json"})
        assert (body, answer.status_code) == (body, 400)
    assert decisions(studio) == []


def test_sizes_have_a_limit(studio, room, person):
    headers = {"Content-Type": "application/json"}
    assert person.post("/note", content=b" " * (MOST_BYTES + 1), headers=headers).status_code == 413
    assert person.post("/note", json={"text": "x" * 4001}).status_code == 400
    assert person.post("/note", content=iter([b"{}"]), headers=headers).status_code == 411
    connection = http.client.HTTPConnection("127.0.0.1", room.port, timeout=10)
    connection.request("GET", "/" + "x" * 70_000)
    assert connection.getresponse().status == 414
    connection.close()
    assert decisions(studio) == []


def test_the_command_ends_with_bad_input(studio, longtake, tmp_path):
    path = tmp_path / "bad.yaml"
    path.write_text("schema: longtake/1\n")
    code, _, said = longtake(studio, "review", path, "--no-browser", as_json=False)
    assert code == 2
    assert "bad.yaml" in said


def test_the_browser_is_led_to_the_address_by_a_file_that_only_its_owner_reads(studio, write_board, tmp_path):
    board, seen = tmp_path / "film.yaml", tmp_path / "seen"
    board.write_text(write_board("one: A"))
    browser = tmp_path / "browser"
    browser.write_text(
        f'#!/bin/sh\nfile="${{1#file://}}"\nstat -c %a "$file" > {seen}\necho "$1" >> {seen}\ncat "$file" >> {seen}\n'
    )
    browser.chmod(0o700)
    command = [sys.executable, "-P", "-m", "longtake.cli", "review", str(board)]
    env = {**os.environ, "BROWSER": f"{browser} %s", "LONGTAKE_STORE": studio.store.uri}
    env.pop("PREFECT_API_URL", None)
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as running:
        url = running.stdout.readline().removeprefix("review: ").strip()
        until(lambda: seen.exists() and "#token=" in seen.read_text(), why="the browser is there", process=running)
        assert httpx.get(url.partition("#")[0], trust_env=False, timeout=60).status_code == 200  # it serves by now
        running.send_signal(signal.SIGINT)
    mode, argument, page = seen.read_text().split("\n", 2)
    assert (mode, running.returncode) == ("600", 0)
    assert url.partition("#token=")[2] not in argument
    assert f"url={url}" in page
    assert not Path(argument.removeprefix("file://")).exists()


def test_it_listens_on_this_machine_only(room):
    # On Linux, every 127.x.x.x is this machine, and a server for all addresses answers at each.
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.2", room.port), timeout=60):
        pass
    assert json.loads(httpx.get(f"{room.origin}/nothing", trust_env=False).content)["message"]
