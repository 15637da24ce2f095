"""A proxy before an S3 server that fails as networks and servers do: at random, in the same way for the same seed."""

from __future__ import annotations

import collections
import contextlib
import http.client
import random
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

SHARES = {"lost answer": 0.05, "no answer": 0.03, "503": 0.03, "409": 0.05, "stale list": 0.3}
"""How often each happens to the requests that it can happen to."""
_CONFLICT = b"<Error><Code>ConditionalRequestConflict</Code><Message>at the same time</Message></Error>"
_SLOW = b"<Error><Code>SlowDown</Code><Message>later</Message></Error>"


@dataclass
class FaultyS3:
    """Its address, and how often each fault struck."""

    url: str
    struck: collections.Counter[str]
    """Also `412`: how often the server itself said that an object is there, as it does to a client that asks again."""
    _proxy: _Proxy

    def mend(self) -> None:
        """Pass everything on from now."""
        self._proxy.shares = dict.fromkeys(SHARES, 0.0)


class _Proxy(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, target: int, seed: int) -> None:
        super().__init__(("127.0.0.1", 0), _Passing)
        self.target = target
        self.dice = random.Random(seed)
        self.shares = SHARES
        self.lists: dict[str, tuple[int, dict[str, str], bytes]] = {}
        self.struck: collections.Counter[str] = collections.Counter()

    def strikes(self, what: str) -> bool:
        if self.dice.random() >= self.shares[what]:
            return False
        self.struck[what] += 1
        return True

    def handle_error(self, request, client_address):
        """Clients that are killed close their connections."""


class _Passing(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Proxy

    def do_GET(self):
        lists = "list-type=2" in self.path
        if lists and self.path in self.server.lists and self.server.strikes("stale list"):
            return self._answer(*self.server.lists[self.path])
        answer = self._pass()
        if lists and answer is not None:
            self.server.lists[self.path] = answer
        return None

    def do_HEAD(self):
        self._pass()

    def do_PUT(self):
        body = self._body()
        if self.headers.get("If-None-Match") and self.server.strikes("409"):
            return self._answer(409, {"Content-Type": "application/xml"}, _CONFLICT)
        return self._pass(body)

    def do_POST(self):
        self._pass()

    def do_DELETE(self):
        self._pass()

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", "0")))

    def _pass(self, body: bytes | None = None):
        body = self._body() if body is None else body
        if self.server.strikes("503"):
            return self._answer(503, {"Content-Type": "application/xml"}, _SLOW)
        if self.server.strikes("no answer"):
            return self._hang_up()
        connection = http.client.HTTPConnection("127.0.0.1", self.server.target, timeout=60)
        with contextlib.closing(connection):
            headers = {
                name: value for name, value in self.headers.items() if name.lower() not in {"connection", "expect"}
            }
            connection.request(self.command, self.path, body, headers)
            found = connection.getresponse()
            answer = found.status, dict(found.getheaders()), found.read()
        self.server.struck["412"] += answer[0] == http.client.PRECONDITION_FAILED
        if self.server.strikes("lost answer"):
            return self._hang_up()
        self._answer(*answer)
        return answer

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in {"connection", "transfer-encoding", "content-length"}:
                self.send_header(name, value)
        length = headers.get("Content-Length", "0") if self.command == "HEAD" else str(len(body))
        self.send_header("Content-Length", length)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _hang_up(self) -> None:
        self.close_connection = True

    def log_message(self, *_):
        pass


@contextmanager
def faulty_s3(url: str, seed: int) -> Iterator[FaultyS3]:
    """Put the proxy before a server of this machine."""
    with _Proxy(urlsplit(url).port or 80, seed) as proxy:
        threading.Thread(target=proxy.serve_forever, args=(0.05,), daemon=True).start()
        yield FaultyS3(f"http://127.0.0.1:{proxy.server_port}", proxy.struck, proxy)
        proxy.shutdown()
