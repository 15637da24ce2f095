"""A storyboard behind a URL is read within limits, and no password or signature of the URL is shown."""

from __future__ import annotations

import asyncio
import logging
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from longtake import store as stores
from longtake import storyboard
from longtake.errors import StoryboardError
from longtake.settings import S3Settings
from longtake.storyboard import Scene, Shot, Storyboard, fetching

BOARD = Storyboard(title="Small", references={"r": "r.png"}, scenes=[Scene("one", [Shot("pier", "A pier")])])


class Answers(BaseHTTPRequestHandler):
    """/film.yaml is a storyboard, /moved leads there; /large is too large, /slow takes its time, anything else is not there."""

    def log_message(self, *_):
        pass

    def do_GET(self):
        path = self.path.partition("?")[0]
        self.send_response(
            {"/moved": 302, "/film.yaml": 200, "/large": 200, "/slow": 200, "/latin": 200}.get(path, 404)
        )
        if path == "/moved":
            self.send_header("Location", "/film.yaml?signature=secret-two")
        self.end_headers()
        if path == "/film.yaml":
            self.wfile.write(BOARD.to_yaml().encode())
        elif path == "/latin":
            self.wfile.write(b"title: caf\xe9")
        elif path in {"/large", "/slow"}:
            try:
                for _ in range(4096):
                    self.wfile.write(b"#" * 1024)
            except OSError:
                pass


@pytest.fixture(scope="module")
def server():
    served = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=served.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{served.server_port}"
    served.shutdown()
    served.server_close()


def test_a_url_is_read_through_its_redirects_and_named_without_its_secrets(server, caplog):
    with caplog.at_level(logging.INFO, logger="httpx"):
        loaded = storyboard.load_any(f"http://user:secret-zero@{server}/moved?signature=secret-one", base="films")
    assert loaded.board == BOARD
    assert loaded.name == f"http://{server}/moved"
    assert loaded.path("r.png") == Path.cwd() / "films" / "r.png"
    assert "HTTP Request" in caplog.text
    assert "secret" not in caplog.text


def test_a_running_loop_awaits_it(server):
    assert asyncio.run(storyboard.aload_any(f"http://{server}/film.yaml")).board == BOARD


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/nothing", "answered 404"),
        ("/large", "the file is too large"),
        ("/latin", "the file is not UTF-8 text"),
    ],
)
def test_what_is_not_a_storyboard(server, path, says):
    with pytest.raises(StoryboardError) as caught:
        storyboard.load_any(f"http://user:secret@{server}{path}?signature=secret")
    assert says in str(caught.value)
    assert f"http://{server}{path}" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_slow_server_is_given_a_minute(server, monkeypatch):
    monkeypatch.setattr(fetching, "LONGEST", 0.0)
    with pytest.raises(StoryboardError, match="takes longer than a minute"):
        storyboard.load_any(f"http://{server}/slow")


@pytest.mark.parametrize(
    "url", ["http://user:se/cret@127.0.0.1:1/", "http://u:cret?x@127.0.0.1/", "http://127.0.0.1:1/?cret"]
)
def test_a_url_that_cannot_be_reached_shows_no_password(url):
    with pytest.raises(StoryboardError) as caught:
        storyboard.load_any(url)
    assert "cannot be read" in str(caught.value)
    assert "cret" not in str(caught.value)


def test_an_object_of_a_bucket(bucket, s3_server):
    s3 = S3Settings(endpoint_url=s3_server, access_key_id="testing", secret_access_key="a-secret-for-tests")
    stores.open(f"s3://{bucket}", s3=s3).put_if_absent("boards/small.yaml", BOARD.to_yaml().encode())
    loaded = storyboard.load_any(f"s3://{bucket}/boards/small.yaml", s3=s3)
    assert (loaded.board, loaded.name, loaded.base) == (BOARD, f"s3://{bucket}/boards/small.yaml", Path.cwd())
    with pytest.raises(StoryboardError, match="is not there"):
        storyboard.load_any(f"s3://{bucket}/boards/none.yaml", s3=s3)
