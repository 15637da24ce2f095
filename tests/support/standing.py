"""A provider that stands in this process, what is in its books, and a gate before it that holds answers back."""

from __future__ import annotations

import argparse
import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import backdoor

from longtake import emulator as emulators
from longtake.emulator import command as emulator_command

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True)
class Emulator:
    """A provider, by its addresses."""

    base_url: str
    admin_url: str
    store_url: str
    key: str

    def books(self) -> dict[str, Any]:
        return self._ask("GET", "books")

    @property
    def posts(self) -> int:
        """Submits that arrived, whatever became of them."""
        return int(self.books()["posts"]["received"])

    def tasks(self) -> list[dict[str, Any]]:
        return self._ask("GET", "tasks")

    def fault(self, *rules: Mapping[str, Any]) -> None:
        self._ask("POST", "faults", json=list(rules))

    def advance(self) -> None:
        """Finish every task that is processing."""
        self._ask("POST", "advance")

    def mend(self) -> None:
        """Take all faults away."""
        self._ask("DELETE", "faults")

    def _ask(self, method: str, what: str, **options: Any) -> Any:
        answer = backdoor.http.request(method, f"{self.admin_url}/{what}", **options)
        answer.raise_for_status()
        return answer.json()


@contextmanager
def standing(store: Path, *faults: Mapping[str, Any], **options: Any):
    """An emulator in a thread; options are those of `longtake emulator`."""
    key = options.pop("key", "e2e-key-that-no-output-may-hold")
    given = {"key": key, "processing": 0.2, "speed": "ultrafast", "public": store, **options}
    words = [f"--{name.replace('_', '-')}={value}" for name, value in given.items() if value is not None]
    parser = argparse.ArgumentParser()
    emulator_command.add_arguments(parser)
    config = emulator_command.configuration(parser.parse_args([*words, "--faults", json.dumps(faults)]))
    with emulators.running(config) as place:
        yield Emulator(place.base_url, place.admin_url, place.store_url, key)


class Gate(ThreadingHTTPServer):
    """Stands before a provider and holds back the answers to its POSTs until they are let through."""

    daemon_threads = True

    def __init__(self, base_url: str) -> None:
        super().__init__(("127.0.0.1", 0), _Passing)
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
