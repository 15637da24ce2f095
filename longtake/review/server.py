"""The review page on this machine: one film, one person, decisions by keyboard.

It listens on 127.0.0.1 only. The address that `longtake review` prints carries a token in its fragment, which browsers send to no
server: the page's script shows it once and gets a cookie for pictures and clips. Browsers send a cookie to all ports of a host,
so it is for a path that no other port knows. Decisions need the token itself, the page's own origin and JSON, so that pages of
other origins, other ports included, can neither act nor look. A request for another host is refused, because a name that someone
else controls may resolve to this machine (DNS rebinding).
"""

from __future__ import annotations

import hmac
import json
import os
import re
import secrets
import threading
from dataclasses import asdict
from functools import lru_cache, partial
from http.cookies import CookieError, SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from longtake import library
from longtake.errors import LongtakeError, SettingsError, StoreError
from longtake.film.film_page import Places, draw
from longtake.review.requests import decide, facts

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from longtake.library import Take
    from longtake.review.decisions import Review
    from longtake.review.state import ReviewState

MOST_BYTES = 64 * 1024
"""Bytes of the largest request."""
_BLOCK = 256 * 1024
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; img-src 'self' data:; "
    "media-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_MEDIA = re.compile(r"/(clip|first|last)/([0-9a-f]{64})")
_JOINED = {"/film.mp4": "video/mp4", "/poster.jpg": "image/jpeg", "/manifest.json": "application/json"}
_RANGE = re.compile(r"bytes=(\d{1,15})-(\d{0,15})")
_OPENER = (
    b'<!doctype html><meta charset="utf-8"><title>Longtake</title><p id="said"></p><script src="/review.js"></script>'
)


class _Refusal(Exception):  # noqa: N818 - an answer, not an error of ours
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class ReviewServer:
    """Serves one review until it is closed.

    Args:
        review: the film's.
        by: who decides.
        port: 0 for a free one.

    Raises:
        SettingsError: the port is taken.
    """

    def __init__(self, review: Review, *, by: str = "", port: int = 0) -> None:
        self.review, self.by = review, by
        self.token, self.cookie = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        self.home = f"/{secrets.token_urlsafe(16)}"
        self.state: ReviewState | None = None
        self.deciding = threading.Lock()
        self._folder = TemporaryDirectory(prefix="longtake-review-")
        self.copies = Path(self._folder.name)
        self.picture = lru_cache(maxsize=4096)(self._picture)
        try:
            self._server = ThreadingHTTPServer(("127.0.0.1", port), partial(_Handler, self))
        except OSError as error:
            self._folder.cleanup()
            raise SettingsError(f"port {port} cannot be used: {error.strerror}", next_step="give --port 0") from None
        self.port = self._server.server_port
        self.origin = f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """The address to open; anyone who has it may decide."""
        return f"{self.origin}/#token={self.token}"

    def opener(self) -> Path:
        """A file that leads a browser to the address and only its owner can read: arguments of processes are seen by all."""
        path = self.copies / "open.html"
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(f'<!doctype html><title>Longtake</title><meta http-equiv="refresh" content="0; url={self.url}">')
        return path

    def serve(self) -> None:
        """Answer until `close` is called, or until Ctrl-C."""
        self._server.serve_forever(poll_interval=0.1)

    def close(self) -> None:
        """Stop, and delete the local copies."""
        self._server.shutdown()
        self._server.server_close()
        self._folder.cleanup()

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve, name="longtake-review", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def look(self) -> ReviewState:
        """Read how the film stands now; from here on, pictures and clips are those of this state."""
        self.state = self.review.state()
        return self.state

    def take(self, fingerprint: str) -> Take | None:
        """A take on the page."""
        shots = (self.state or self.look()).shots
        takes = (take for shot in shots for take in (shot.used, *shot.alternates) if take is not None)
        return next((take for take in takes if take.fingerprint == fingerprint), None)

    def _picture(self, key: str) -> bytes:
        return library.picture(self.review.store, key, self.copies)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "longtake", ""
    timeout = 60  # seconds without a byte

    def __init__(self, room: ReviewServer, *args: Any) -> None:  # noqa: ANN401 - as the library calls it
        self.room = room
        super().__init__(*args)

    def log_message(self, *_: object) -> None:
        """Log nothing: addresses would show who looks at what."""

    def do_GET(self) -> None:
        self._answered(self._get)

    def do_POST(self) -> None:
        self._answered(self._post)

    def _answered(self, work: Callable[[], None]) -> None:
        try:
            self._check_host()
            work()
        except _Refusal as refusal:
            self._json(refusal.status, {"message": str(refusal), "next_step": ""})
        except LongtakeError as error:
            self._json(409, {"message": error.message, "next_step": error.next_step})
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    def _check_host(self) -> None:
        hosts = self.headers.get_all("Host", [])
        if hosts not in ([f"127.0.0.1:{self.room.port}"], [f"localhost:{self.room.port}"]):
            self.close_connection = True  # its body is not read, and must not be taken for the next request
            raise _Refusal(421, "this host is not served")

    def _get(self) -> None:
        if "Content-Length" in self.headers or "Transfer-Encoding" in self.headers:
            self.close_connection = True  # as above
        path, _, query = self.path.partition("?")
        if path == "/review.js":
            script = resources.files("longtake.review").joinpath("review.js").read_bytes()
            return self._send(200, "text/javascript; charset=utf-8", script)
        if path == "/":
            return self._send(200, "text/html; charset=utf-8", _OPENER)
        looks, path = self._looks() and path.startswith(self.room.home), path.removeprefix(self.room.home)
        if path == "/" and looks:
            self._send(200, "text/html; charset=utf-8", self._page())
        elif not looks or self.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
            raise _Refusal(403, "open the address that `longtake review` printed")
        elif path == "/state":
            self._json(200, facts(self.room.look()))
        elif path == "/price":
            shot = re.fullmatch(r"shot=([A-Za-z0-9_.~-]{1,200})", query)
            prices = self.room.review.retake_prices(shot[1] if shot is not None else "")
            self._json(200, [asdict(one) for one in prices])
        elif (named := _MEDIA.fullmatch(path)) is not None:
            self._send_take(named[1], named[2])
        elif path in _JOINED:
            state = self.room.state or self.room.look()
            self._send_object(state.home + path[1:], _JOINED[path])
        else:
            raise _Refusal(404, "there is nothing here")
        return None

    def _send_take(self, what: str, fingerprint: str) -> None:
        take = self.room.take(fingerprint)
        if take is None:
            raise _Refusal(404, "there is no such take")
        if what == "clip":
            self._send_object(take.clip.key, "video/mp4")
        else:
            self._send(200, "image/jpeg", self.room.picture(take.clip.key if what == "first" else take.last_frame.key))

    def _looks(self) -> bool:
        try:
            found = SimpleCookie(self.headers.get("Cookie", "")).get(f"longtake-{self.room.port}")
        except CookieError:
            return False
        return found is not None and hmac.compare_digest(found.value.encode(), self.room.cookie.encode())

    def _page(self) -> bytes:
        state = self.room.look()
        places = Places(
            first=lambda take: f"first/{take.fingerprint}",
            last=lambda take: f"last/{take.fingerprint}",
            clip=lambda take: f"clip/{take.fingerprint}",
        )
        return draw(state.plan.title, state.shots, places, film=state.joined, review=True)

    def _post(self) -> None:
        data = self._body()
        if self.headers.get("Origin") not in {self.room.origin, f"http://localhost:{self.room.port}"}:
            raise _Refusal(403, "another page cannot decide")
        given = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode(), self.room.token.encode()):
            raise _Refusal(403, "open the address that `longtake review` printed")
        if self.path == "/session":
            cookie = f"longtake-{self.room.port}={self.room.cookie}; HttpOnly; SameSite=Strict; Path={self.room.home}/"
            answer = json.dumps({"home": f"{self.room.home}/"}).encode()
            return self._send(200, "application/json", answer, {"Set-Cookie": cookie})
        if self.headers.get("Content-Type") != "application/json":
            raise _Refusal(415, "decisions are JSON")
        try:
            with self.room.deciding:
                if not decide(self.room.review, self.path.removeprefix(self.room.home), data, by=self.room.by):
                    raise _Refusal(404, "there is nothing here")
        except ValidationError:
            raise _Refusal(400, "this is not a decision") from None
        return self._json(200, facts(self.room.look()))

    def _body(self) -> bytes:
        """Read the request's body. A refused request's body is read as well, because the connection is reused."""
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or "Transfer-Encoding" in self.headers:
            self.close_connection = True
            raise _Refusal(411, "the request has no Content-Length")
        if int(length) > MOST_BYTES:
            self.close_connection = True
            raise _Refusal(413, "the request is too long")
        return self.rfile.read(int(length))

    def _json(self, status: int, value: object) -> None:
        self._send(status, "application/json", json.dumps(value).encode())

    def _send(self, status: int, kind: str, data: bytes, more: dict[str, str] | None = None) -> None:
        self._head(status, kind, len(data), more or {})
        self.wfile.write(data)

    def _head(self, status: int, kind: str, length: int, more: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(length), **_HEADERS, **more}.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()

    def _send_object(self, key: str, kind: str) -> None:
        """An object of the store, or the part of it that was asked for."""
        try:
            file = self.room.review.store.reader(key)
        except StoreError:
            raise _Refusal(404, "the object is not in the store") from None
        with file:
            size = file.seek(0, 2)
            asked = _RANGE.fullmatch(self.headers.get("Range", ""))
            begin = int(asked[1]) if asked else 0
            end = min(int(asked[2]), size - 1) if asked and asked[2] else size - 1
            if asked and not begin <= end:
                return self._head(416, kind, 0, {"Content-Range": f"bytes */{size}"})
            more = {"Accept-Ranges": "bytes"}
            if asked:
                more["Content-Range"] = f"bytes {begin}-{end}/{size}"
            self._head(206 if asked else 200, kind, end - begin + 1, more)
            file.seek(begin)
            left = end - begin + 1
            while left > 0 and (piece := file.read(min(_BLOCK, left))):
                self.wfile.write(piece)
                left -= len(piece)
            return None
