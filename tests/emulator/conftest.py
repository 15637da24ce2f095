from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from leaving import left_behind
from pictures import png

from longtake import emulator
from longtake.emulator import Config, Rule

KEY = "test-key"


@dataclass
class Stand:
    """One running emulator and a client for it."""

    base: str
    admin: str
    store: str
    http: httpx.Client

    def body(self, **fields):
        given = {
            "model": "seedance-2.5",
            "prompt": "Waves break on black rocks",
            "duration": 4,
            "resolution": "480p",
            "size": "16:9",
            "generate_audio": False,
        }
        return {name: value for name, value in {**given, **fields}.items() if value is not None}

    def post(self, **fields):
        return self.http.post(f"{self.base}/videos/generations", json=self.body(**fields))

    def submit(self, **fields):
        answer = self.post(**fields)
        assert answer.status_code == 200, answer.text
        return answer.json()["id"]

    def poll(self, task_id):
        answer = self.http.get(f"{self.base}/tasks/{task_id}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def finish(self):
        return self.http.post(f"{self.admin}/advance").json()["finished"]

    def made(self, **fields):
        task_id = self.submit(**fields)
        self.finish()
        return self.poll(task_id)

    def books(self):
        return self.http.get(f"{self.admin}/books").json()

    def balance(self):
        return self.http.get(f"{self.base}/balance").json()["balance"]


@contextmanager
def status(*faults, **options):
    config = Config(
        **{"processing": 3600, "keys": (KEY,), "speed": "ultrafast", **options},
        faults=tuple(Rule(**fault) for fault in faults),
    )
    with (
        emulator.running(config) as address,
        httpx.Client(headers={"Authorization": f"Bearer {KEY}"}, timeout=60, trust_env=False) as http,
    ):
        yield Stand(address.base_url, address.admin_url, address.store_url, http)


@pytest.fixture
def stand():
    """Start an emulator; tasks process until `finish`. Call it with fault dictionaries and options."""
    with left_behind() as stack:
        yield lambda *faults, **options: stack.enter_context(status(*faults, **options))


@pytest.fixture(scope="module")
def shared():
    """One plain emulator for the tests of a module."""
    with status() as found:
        yield found


RED, BLUE = (200, 30, 40), (20, 60, 200)


@pytest.fixture
def public(tmp_path):
    """A folder store with pictures in it."""
    folder = tmp_path / "public"
    (folder / "media").mkdir(parents=True)
    (folder / "media" / "red.png").write_bytes(png(RED, 320, 320))
    (folder / "media" / "blue.png").write_bytes(png(BLUE, 640, 360))
    (folder / "media" / "tiny.png").write_bytes(png(RED, 64, 64))
    (folder / "media" / "not.png").write_bytes(b"<html>not a picture</html>")
    (folder / "media" / "note.txt").write_bytes(b"text")
    return folder


@pytest.fixture
def fickle():
    """The URL of a picture that can be read twice (HEAD and GET) and is gone afterwards."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.command)
            gone, data = len(asked) > 2, png(RED, 320, 320)
            self.send_response(404 if gone else 200)
            self.send_header("Content-Type", "image/png")
            self.send_header("Content-Length", "0" if gone else str(len(data)))
            self.end_headers()
            if self.command == "GET" and not gone:
                self.wfile.write(data)

        do_HEAD = do_GET  # noqa: N815 - the name is the standard library's

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/picture.png"
        server.shutdown()


@pytest.fixture(scope="session")
def clip_4s():
    """The bytes of a clip an emulator made."""
    with status() as here:
        done = here.made()
        return here.http.get(done["output"]["video_urls"][0]).content
