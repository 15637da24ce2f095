"""A gate before a provider, which holds the answers to POSTs back."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import backdoor

from longtake.ledger.realm import HEADER


class Gate(ThreadingHTTPServer):
    """Stands before a provider and holds back the answers to its POSTs until they are let through."""

    daemon_threads = True

    def __init__(self, base_url: str, *, port: int = 0, names: frozenset[str] = frozenset({HEADER.lower()})) -> None:
        super().__init__(("127.0.0.1", port), _Passing)
        self.names = names
        """Headers of its answers that are passed on, too."""
        self.target = base_url.removesuffix("/api/v1")
        self.charged = threading.Event()
        """A POST has reached the provider, and its answer waits here."""
        self.opened = threading.Event()
        self.base_url = f"http://127.0.0.1:{self.server_port}/api/v1"


class _Passing(BaseHTTPRequestHandler):
    server: Gate

    def do_GET(self):
        self._pass()

    def do_POST(self):
        self._pass()

    def _pass(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        headers = {name: value for name, value in self.headers.items() if name.lower() not in {"host", "connection"}}
        url = self.server.target + self.path
        answer = backdoor.http.request(self.command, url, content=body, headers=headers)
        if self.command == "POST":
            self.server.charged.set()
            self.server.opened.wait()
        self.send_response(answer.status_code)
        for name in self.server.names & set(answer.headers):
            self.send_header(name, answer.headers[name])
        self.send_header("Content-Type", answer.headers["content-type"])
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    def log_message(self, *_):
        pass


@contextmanager
def gated(base_url: str):
    with Gate(base_url) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield server
        finally:
            server.opened.set()
            server.shutdown()


@contextmanager
def proxied(base_url: str, *, port: int = 0):
    """A proxy on this machine, as to the real provider: it does not say that an emulator is behind it. Gives its base URL."""
    with Gate(base_url, port=port, names=frozenset()) as server:
        server.opened.set()
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield server.base_url
        finally:
            server.shutdown()
