"""`python -m bench._provider CLIP FRAME PROCESSING`: a provider that serves one real clip and renders nothing. Prints its URL.

Each task takes PROCESSING seconds and has its own bytes. `GET /tasks` tells when each was received and finished, and its polls.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
import zlib
from pathlib import Path
from typing import Any

from bench._clips import numbered
from longtake.catalog import Catalog
from longtake.ledger.realm import HEADER

CLIP, FRAME, PROCESSING = Path(sys.argv[1]).read_bytes(), Path(sys.argv[2]).read_bytes(), float(sys.argv[3])
CATALOG = Catalog.load()
tasks: list[dict[str, Any]] = []
at: list[str] = []
"""The URL, once it is known."""


def frame(number: int) -> bytes:
    """The PNG with a text chunk of its own before its last, which has 12 bytes."""
    text = b"tEXtnumber\0" + str(number).encode()
    return FRAME[:-12] + (len(text) - 4).to_bytes(4, "big") + text + zlib.crc32(text).to_bytes(4, "big") + FRAME[-12:]


def posted(body: dict[str, Any]) -> dict[str, Any]:
    price = CATALOG.price(body["model"], resolution=body["resolution"], seconds=body["duration"]).credits
    now = time.time()
    tasks.append(
        {"prompt": body["prompt"], "received_at": now, "finished_at": now + PROCESSING, "polls": 0, "credits": price}
    )
    return shown(len(tasks) - 1)


def shown(number: int) -> dict[str, Any]:
    task = tasks[number]
    done = time.time() >= task["finished_at"]
    url = "".join(at)
    output = (
        {"video_urls": [f"{url}/clips/{number}.mp4"], "last_frame_url": f"{url}/frames/{number}.png"} if done else None
    )
    return {
        "id": f"task_{number:032x}", "model": "seedance-2.5", "status": "completed" if done else "processing",
        "created_at": int(task["received_at"]), "output": output, "error": None,
        "usage": {"credits": task["credits"]} if done else None,
    }  # fmt: skip


def answered(path: str, body: bytes) -> bytes:
    kind, _, name = path.rpartition("/")
    if kind == "/clips":
        return numbered(CLIP, int(name.partition(".")[0]))
    if kind == "/frames":
        return frame(int(name.partition(".")[0]))
    if path in {"/tasks", "/api/v1"}:
        return json.dumps(tasks).encode()
    if path == "/api/v1/balance":
        return json.dumps({"balance": 10**11 - sum(task["credits"] for task in tasks)}).encode()
    if body:
        return json.dumps(posted(json.loads(body))).encode()
    number = int(name.removeprefix("task_"), 16)
    tasks[number]["polls"] += 1
    return json.dumps(shown(number)).encode()


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Requests of one connection, one after another."""
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            words, *lines = head.decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            method, path, _ = words.split()
            data = answered(path, body)
            kind = {"mp4": "video/mp4", "png": "image/png"}.get(path.rpartition(".")[2], "application/json")
            named = f"content-type: {kind}\r\ncontent-length: {len(data)}\r\n{HEADER}: bench"
            writer.write(f"HTTP/1.1 200 OK\r\n{named}\r\n\r\n".encode())
            writer.write(b"" if method == "HEAD" else data)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main() -> None:
    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=1024)
    at.append(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    print(*at, flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
