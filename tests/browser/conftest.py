"""A real browser, driven over the DevTools protocol, and a server that films can be sought in."""

from __future__ import annotations

import functools
import http.server
import itertools
import json
import re
import shutil
import subprocess
import threading
from pathlib import Path

import pytest

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--autoplay-policy=no-user-gesture-required",
    "--remote-debugging-port=0",
)
NAMES = ("chromium", "chromium-browser", "google-chrome")


class Ranged(http.server.SimpleHTTPRequestHandler):
    """Files with parts of them on request: a browser does not seek without."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path = Path(self.translate_path(self.path))
        if not path.is_file():
            self.send_error(404)
            return
        size = path.stat().st_size
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        begin = int(asked[1]) if asked else 0
        end = min(int(asked[2]), size - 1) if asked and asked[2] else size - 1
        self.send_response(206 if asked else 200)
        if asked:
            self.send_header("Content-Range", f"bytes {begin}-{end}/{size}")
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Type", self.guess_type(str(path)))
        self.send_header("Content-Length", str(end - begin + 1))
        self.end_headers()
        with path.open("rb") as file:
            file.seek(begin)
            try:
                self.wfile.write(file.read(end - begin + 1))
            except ConnectionError:
                self.close_connection = True  # the browser has enough of it

    def log_message(self, *_):
        pass


class Page:
    """One page of the browser."""

    def __init__(self, socket):
        self.socket = socket
        self.numbers = itertools.count(1)

    def call(self, method, **params):
        number = next(self.numbers)
        self.socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            said = json.loads(self.socket.recv(timeout=60))
            if said.get("id") == number:
                assert "error" not in said, said
                return said["result"]

    def run(self, script):
        """The value of a script, or of its promise."""
        said = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in said, said["exceptionDetails"]
        return said["result"].get("value")


@pytest.fixture
def site(tmp_path):
    """A folder, and the address it is served under."""
    folder = tmp_path / "site"
    folder.mkdir()
    handler = functools.partial(Ranged, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def page(tmp_path):
    program = next((found for name in NAMES if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip(f"no browser on PATH: looked for {', '.join(NAMES)}")
    from websockets.sync.client import connect

    command = [program, *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", "about:blank"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        try:
            said = []
            for line in process.stderr:
                said.append(line)
                if found := re.search(r"ws://(\S+?)/devtools/browser/\S+", line):
                    break
            else:
                pytest.fail(f"{program} does not start: {''.join(said)[-2000:]}")
            # The rest of its words goes where it keeps nobody waiting.
            drain = threading.Thread(target=process.stderr.read)
            drain.start()
            with connect(found[0], max_size=None, proxy=None) as browser:
                target = Page(browser).call("Target.createTarget", url="about:blank")["targetId"]
                with connect(f"ws://{found[1]}/devtools/page/{target}", max_size=None, proxy=None) as socket:
                    yield Page(socket)
                Page(browser).call("Browser.close")
            process.wait(timeout=30)
        finally:
            process.kill()
    drain.join()
