"""A server that films can be sought in, and a browser that plays them."""

from __future__ import annotations

import functools
import http.server
import re
import threading
from pathlib import Path

import pytest
from chromium import the_page  # noqa: F401 - a fixture
from film_player import FilmPlayer


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


@pytest.fixture
def site(tmp_path):
    """A folder with an empty page, and the address it is served under."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "index.html").write_text("<!doctype html><title>film</title><body>")
    handler = functools.partial(Ranged, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def player(site, page):
    """Plays films of the folder."""
    return FilmPlayer(page, site[1])
