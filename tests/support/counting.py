"""What passes between a client and an S3 server, counted by kind."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections import Counter
from urllib.parse import urlsplit

_LINE = re.compile(rb"(GET|HEAD|PUT|POST|DELETE) (\S+) HTTP/1\.1\r\n")


class Counting:
    """A port that hands bytes on to a server and reads the lines of the requests that go by.

    boto3 sends the head of a request in one piece, so that it is enough to look at how a piece begins.
    """

    def __init__(self, upstream: str) -> None:
        parts = urlsplit(upstream)
        self._place = (parts.hostname, parts.port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.seen: list[tuple[str, str]] = []
        """Kind (`list`, `get`, `head`, `put`, …) and path of each request."""
        threading.Thread(target=self._accept, daemon=True).start()

    def kinds(self) -> Counter[str]:
        """How many requests of each kind there were since `reset`."""
        return Counter(kind for kind, _ in self.seen)

    def of_objects(self, *parts: str) -> list[str]:
        """The paths of what was asked for by name, listings not counted, that hold one of these parts."""
        return [path for kind, path in self.seen if kind != "list" and any(part in path for part in parts)]

    def reset(self) -> None:
        self.seen = []

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(self._place)
            for pair in ((client, server, True), (server, client, False)):
                threading.Thread(target=self._pump, args=pair, daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, asks: bool) -> None:
        target.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(OSError):
            while piece := source.recv(256 * 1024):
                if asks and (found := _LINE.match(piece)):
                    method, path = found[1].decode(), found[2].decode()
                    self.seen.append(("list" if method == "GET" and "list-type=" in path else method.lower(), path))
                target.sendall(piece)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
