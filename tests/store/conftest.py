"""Stores to test against, and a server between boto3 and moto that breaks what passes."""

import http.client
import socket
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest
from memory_store import MemoryStore

from longtake import store


@pytest.fixture(params=["memory", "local", "moto", "ministack"])
def any_store(request, tmp_path):
    if request.param == "memory":
        return MemoryStore()
    if request.param == "local":
        return store.open(str(tmp_path / "store folder"))
    name = request.getfixturevalue("bucket" if request.param == "moto" else "strict_bucket")
    return store.open(f"s3://{name}/some/prefix")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    _OURS = frozenset({"content-length", "transfer-encoding", "connection", "date", "server"})

    def __getattr__(self, name):
        if name.startswith("do_"):
            return self._pass
        raise AttributeError(name)

    def log_message(self, *_):
        """Say nothing."""

    def _pass(self):
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = self.server.proxy.take(self.command, self.path, dict(self.headers), data)
        if fault == "drop-before":
            self._cut()
        elif isinstance(fault, int):
            self._answer(fault, f"<Error><Code>Fault{fault}</Code><Message>x</Message></Error>".encode(), {})
        elif fault == "garbage":
            self._answer(500, b"<<<not xml", {})
        else:
            status, headers, body = self._forward(data)
            if fault == "drop-after":
                self._cut()
            else:
                self._answer(status, body, headers, half=fault == "half")

    def _forward(self, data):
        proxy = self.server.proxy
        dropped = {"host", "expect", "connection"} | ({"if-none-match"} if proxy.drop_conditions else set())
        upstream = http.client.HTTPConnection(*proxy.place, timeout=30)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in dropped}
        upstream.request(self.command, self.path, data, headers)
        got = upstream.getresponse()
        body = got.read()
        upstream.close()
        if proxy.rewrite and self.command == "GET":
            body = proxy.rewrite(body)
        return got.status, {name.lower(): value for name, value in got.getheaders()}, body

    def _answer(self, status, body, headers, *, half=False):
        self.send_response(status)
        for name, value in headers.items():
            if name not in self._OURS:
                self.send_header(name, value)
        length = headers.get("content-length") if self.command == "HEAD" else None
        self.send_header("Content-Length", length or str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        self.wfile.write(body[: len(body) // 2] if half else body)
        if half:
            # An orderly end, too early: what was sent arrives, and then nothing.
            self.close_connection = True

    def _cut(self):
        """Reset the connection without an answer."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()


class Proxy:
    """A server between boto3 and moto that does the next of `faults` to the next request it fits.

    A fault is (method, what) or (method, what, part of the path); what is a status, "drop-before" or "drop-after"
    (moto got the request), "garbage", or "half" (of the body).
    """

    def __init__(self, upstream):
        self.lock = threading.Lock()
        self.reset()
        place = urlsplit(upstream)
        self.place = (place.hostname, place.port)
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self.server.proxy = self
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def reset(self):
        self.faults, self.seen = [], []
        self.drop_conditions, self.rewrite, self.before_second_get = False, None, None

    def take(self, command, path, headers, data):
        change = None
        with self.lock:
            self.seen.append((command, path, headers, data))
            if self.count("GET") == 2:
                change, self.before_second_get = self.before_second_get, None
            fault = None
            if self.faults and self.faults[0][0] == command and all(part in path for part in self.faults[0][2:]):
                fault = self.faults.pop(0)[1]
        if change:
            change()
        return fault

    def bodies(self, method):
        return [data for command, _, _, data in self.seen if command == method]

    def count(self, method, part=""):
        return sum(command == method and part in path for command, path, _, _ in self.seen)


@pytest.fixture(scope="session")
def proxy_server(s3_server):
    # One for the session: a new address each test would be a new client each test.
    between = Proxy(s3_server)
    yield between
    between.server.shutdown()
    between.server.server_close()


@pytest.fixture
def proxy(bucket, aws, proxy_server):
    proxy_server.reset()
    aws.setenv("AWS_ENDPOINT_URL", proxy_server.url)
    yield proxy_server
    proxy_server.reset()
