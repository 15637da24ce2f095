"""Inputs of small takes, a server that counts who reads them, and what a provider was sent."""

from __future__ import annotations

import asyncio
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from boards import apart, shot
from pictures import png

from longtake.take import TakeSpec, ensure_take, identify, upload

if TYPE_CHECKING:
    from pathlib import Path


RULES = {
    "inputs": {"image": {"side": {"min": 16, "max": 200}, "bytes": 20_000}},
    "models": {"seedance-2.5": {"duration": {"min": 1}, "pixels": {"480p": {"16:9": [64, 36]}}}},
}
"""A catalog of small clips, in which inputs are soon too large."""
PINS = apart(*(shot(name, name, f"first_frame: {pin}") for name, pin in (("one", "a.png"), ("two", "b.jpeg"))))


class Host(ThreadingHTTPServer):
    """Serves a folder, counts who asks for what, and answers HEAD only when it is told to."""

    def __init__(self, root):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.root, self.seen, self.heads, self.gone = root, [], True, set()
        self.url = f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, *_):
        """Say nothing: who looks at the first byte hangs up."""

    def asked(self, method):
        """What we asked for, not the provider."""
        return [path for verb, path, agent in self.seen if verb == method and "emulator" not in agent]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path = self.path.partition("?")[0]
        self.server.seen.append((self.command, path, self.headers["User-Agent"]))
        file = self.server.root / path.lstrip("/")
        if path in self.server.gone or not file.is_file() or (self.command == "HEAD" and not self.server.heads):
            self.answer(403)
        elif self.headers["Range"] == "bytes=0-0":
            self.answer(206, file, file.read_bytes()[:1])
        else:
            self.answer(200, file, file.read_bytes())

    do_HEAD = do_GET  # noqa: N815 - as http.server calls it

    def answer(self, status, file=None, body=b""):
        self.send_response(status)
        if status == 206:
            self.send_header("Content-Range", f"bytes 0-0/{file.stat().st_size}")
        types = {".jpg": "image/jpeg", ".png": "image/png", ".mp4": "video/mp4", ".wav": "audio/wav"}
        self.send_header("Content-Type", types.get(file.suffix, "text/plain") if file else "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_):
        """Say nothing."""


def run(account, work, **changes):
    async def go():
        async with account.using(**changes).session() as session:
            return await work(session)

    return asyncio.run(go())


async def prepared(session, wanted, **more):
    return await upload(session.assets, await identify(session.assets, wanted), **more)


def first_url(body):
    return body["image_with_roles"][0]["url"]


def sent(account):
    """The URL of the first frame of every task, in order."""
    tasks = account.emulator.tasks()
    return [first_url(task["body"]) for task in tasks if "image_with_roles" in task["body"]]


def with_pins(folder: Path) -> Path:
    (folder / "a.png").write_bytes(png(1))
    (folder / "b.jpeg").write_bytes(png(2))
    return folder


def chain(account, *, between=lambda _session, _take: None, **changes):
    """The two shots of the chain in one run; what a test does in between may give another parent."""
    one, two = account.resolve().shots

    async def work(session):
        take = (await ensure_take(session, TakeSpec(one, 1, None))).take
        take = between(session, take) or take
        return await ensure_take(session, TakeSpec(two, 1, take.last_frame, source=take))

    return run(account, work, **changes)
