"""The report and the review page in a real browser: keys decide, words are inert, and pages of other origins can do nothing."""

from __future__ import annotations

import functools
import http.server
import threading

import pytest
from chromium import ENTER, dialog, opened, said, the_page  # noqa: F401 - `page` is a fixture

from longtake.review import Review, ReviewServer, WaitingRun
from longtake.settings import Settings

pytestmark = [pytest.mark.slow]

BAD = '<img src=x onerror=\\"window.hit=1\\"><script>window.hit=1</script>\'}}<svg onload=\\"window.hit=1\\">'


@pytest.fixture
def room(studio, write_board, engine):
    path = studio.folder / "film.yaml"
    path.write_text(write_board(f"one: A {BAD}!, two: B"))
    studio.run(path.read_text())
    settings = Settings(base_url="https://reapi.example/api/v1", store=studio.store.uri)
    with ReviewServer(Review(path, settings, approvals=engine), by=f"Ada {BAD}") as server:
        yield server


def decided(room):
    """The decisions on the first shot, and the remarks, as they lie in the store."""
    shots = {shot.id: shot for shot in room.look().shots}
    return shots["one"].used.take, [one.text for one in room.look().remarks], room.look().plan.expected


def test_keys_choose_retake_note_and_approve(room, page):
    opened(page, room.url)
    assert page.run("location.href") == f"{room.origin}{room.home}/"
    assert page.run("document.cookie") == ""
    page.press("2")  # no shot is in front: nothing happens
    page.press("j")
    assert page.run("document.querySelector('section.here').dataset.shot") == "one"
    page.press("2")
    said(page, "one: take 2 is chosen")
    assert page.run("document.querySelector('section.here .used').dataset.take") == "2"
    assert decided(room) == (2, [], 0)

    page.press("j")
    page.press("r")
    dialog(page, "Retake two?")
    page.press(ENTER)  # the first way that is possible
    said(page, "two gets a new take in the next run")
    price = room.look().plan.expected
    assert price > 0
    assert f"next run: {price} credits expected" in page.run("document.querySelector('#price').textContent")

    page.press("k")
    page.press("n")
    dialog(page, "Note on one at ")
    page.call("Input.insertText", text="<b>dark</b>\u202e")
    page.press(ENTER)
    said(page, "noted")
    assert decided(room)[1] == ["<b>dark</b>\u202e"]
    assert page.run("document.querySelectorAll('.notes b').length") == 0

    page.press("a")
    dialog(page, "Approve the film as it is?")
    page.press(ENTER)
    said(page, "approved")
    assert room.look().remarks[-1].kind == "approval"

    page.press("k")
    page.press(" ")
    assert not page.run("document.querySelector('section.here .used video').paused")
    # The address is needed again in another tab; what it showed stays.
    page.run("sessionStorage.clear()")
    opened(page, f"{room.origin}{room.home}/")
    page.press("j")
    page.press("1")
    said(page, "open the address that `longtake review` printed")
    assert decided(room)[0] == 2


def test_an_approval_of_a_question_that_was_answered_elsewhere_is_refused_and_the_next_one_is_shown(room, page, engine):
    engine.runs = [WaitingRun("run", "first", "May it begin?", 100)]
    opened(page, room.url)
    said(page, "May it begin?", "#question")
    engine.runs = [WaitingRun("run", "second", "May it go on?", 900)]
    page.press("a")
    dialog(page, "up to 100 credits")
    page.press(ENTER)
    said(page, "another question")
    said(page, "May it go on?", "#question")
    assert engine.answers == []
    page.press("a")
    dialog(page, "up to 900 credits")
    page.press(ENTER)
    said(page, "the run goes on")
    assert [answer[:3] for answer in engine.answers] == [("run", "second", 900)]


def test_words_of_a_storyboard_a_note_and_a_name_are_inert(studio, room, page):
    room.review.note(f"note {BAD}", shot="one", by=room.by)
    opened(page, room.url)
    bad = "[src=x], [onload], [onerror], svg:not([role=img]), script:not([src])"
    look = f"[document.querySelectorAll('{bad}').length, window.hit ?? 0]"
    assert page.run(look) == [0, 0]
    assert BAD.replace("\\", "") in page.run("document.body.innerText")
    # Were there a way in, the page's policy stops what came in by it.
    page.run(
        "document.body.insertAdjacentHTML('beforeend', '<img id=planted src=/x onerror=\"window.hit=1\">'); "
        "new Promise(done => document.querySelector('#planted').addEventListener('error', done))"
    )
    assert page.run("window.hit ?? 0") == 0
    state = room.look()
    page.open(studio.store.path(state.home + "report.html").as_uri())
    assert page.run(look) == [0, 0]
    clips = page.run(
        "Promise.all([...document.querySelectorAll('video')].map(video => new Promise(done => { "
        "video.onloadedmetadata = () => done(video.duration > 0); video.onerror = () => done(false); video.load(); "
        "video.preload = 'metadata'; })))"
    )
    assert clips == [True] * 4  # the film and its takes play from a disk


def test_a_page_of_another_origin_can_do_nothing(room, page, tmp_path):
    site = tmp_path / "evil"
    site.mkdir()
    (site / "index.html").write_text("<!doctype html><title>evil</title><body>")
    cookies = []

    class Site(http.server.SimpleHTTPRequestHandler):
        def end_headers(self):
            cookies.append(self.headers.get("Cookie"))
            super().end_headers()

    handler = functools.partial(Site, directory=str(site))
    opened(page, room.url)  # the person has the review open: the browser has its cookie
    fingerprint = room.look().shots[0].used.fingerprint
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        page.open(f"http://127.0.0.1:{server.server_port}/index.html")
        tried = page.run(
            """(async room => {
              const body = JSON.stringify({shot: "one", take: 2}), found = [];
              for (const mode of ["cors", "no-cors"])
                for (const type of ["application/json", "text/plain"])
                  found.push(await fetch(`${room}/choose`, {method: "POST", mode, credentials: "include", body,
                    headers: {"Content-Type": type}}).then(answer => answer.type, () => "refused"));
              found.push(await fetch(`${room}/state`, {credentials: "include"}).then(answer => answer.text(), () => "refused"));
              found.push(await new Promise(done => { const picture = new Image(); picture.onload = () => done("seen");
                picture.onerror = () => done("refused"); picture.src = `${room}/first/FINGERPRINT`; }));
              const frame = document.createElement("iframe");
              frame.src = `${room}/`;
              document.body.append(frame);
              await new Promise(done => { frame.onload = done; });
              try { found.push(frame.contentWindow.document.title) } catch { found.push("refused") }
              return found;
            })(ROOM)""".replace("ROOM", repr(room.origin + room.home)).replace("FINGERPRINT", fingerprint)
        )
        server.shutdown()
    assert set(cookies) == {None}, "browsers send a host's cookies to its other ports"
    assert set(tried) <= {"refused", "opaque"}
    assert tried[-3:] == ["refused"] * 3
    assert decided(room) == (1, [], 0)
