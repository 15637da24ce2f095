"""From the provider's CDN into S3: a kept clip against "download to a file, then boto3's `upload_file`".

The CDN and S3 (MiniStack, which keeps objects in files) are processes of their own, over the wire. Both ways do their clips in
turns within a round, because a busy machine is busy for all of them; a ratio is the median of the rounds' own ratios. The rival
knows the object's name beforehand and checks nothing; ours hashes, checks that it is a clip and looks whether it is there.
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
from pydantic import SecretStr

from bench._rows import row
from longtake import store as stores
from longtake.provider import Provider
from longtake.store.s3client import client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from longtake.store import Store

SIZE = 10_000_000
CASES = {"one clip": (1, 1, 7, 1 / 1.2), "40 clips, 8 at once": (40, 8, 2, 1 / 1.3)}  # clips, at once, rounds, aim
CDN = """
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

class Files(BaseHTTPRequestHandler):
    def do_GET(self):
        with Path(sys.argv[1]).open("rb") as file:
            self.send_response(200)
            self.send_header("Content-Length", str(Path(sys.argv[1]).stat().st_size))
            self.end_headers()
            self.wfile.flush()
            self.connection.sendfile(file)
    def log_message(self, *_):
        pass

server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), Files)
print("serving", flush=True)
server.serve_forever()
"""
S3 = "from ministack.app import main; main()"


@contextmanager
def served(script: str, *arguments: str, ready: str, **settings: str) -> Iterator[None]:
    """A server in a process of its own."""
    command = [sys.executable, "-c", script, *arguments]
    with subprocess.Popen(
        command, env=os.environ | settings, stderr=subprocess.STDOUT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            assert any(ready in line for line in process.stdout), f"{script.split()[1]} did not start"
            # The rest of its lines goes where it keeps nobody waiting.
            with subprocess.Popen(["cat"], stdin=process.stdout, stdout=subprocess.DEVNULL):
                yield
                process.terminate()
        finally:
            process.kill()


def free_port() -> str:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return str(taken.getsockname()[1])


async def kept(urls: list[str], at_once: int, store: Store) -> None:
    """As a run keeps clips."""
    turns = asyncio.Semaphore(at_once)
    async with Provider(base_url="http://127.0.0.1:9/api/v1", key=SecretStr("bench")) as provider:

        async def keep(number: int, url: str) -> None:
            async with turns:
                with store.spool() as path:
                    fetched = await provider.fetch(url, path, limit=2 * SIZE, kind="video")
                    key = f"media/{fetched.sha256}-{number}.mp4"  # one clip serves for all: else 39 were there already
                    await asyncio.to_thread(store.put_file, key, path, content_type="video/mp4")

        await asyncio.gather(*(keep(*each) for each in enumerate(urls)))


def uploaded(urls: list[str], at_once: int, folder: Path) -> None:
    """As a script does it."""
    import boto3

    s3 = boto3.client("s3")

    def one(number: int, url: str) -> None:
        path = folder / f"{number}.mp4"
        with httpx.stream("GET", url) as answer, path.open("wb") as file:
            for block in answer.iter_bytes():
                file.write(block)
        s3.upload_file(str(path), "bench", f"films/rival/{number}.mp4")
        path.unlink()

    with ThreadPoolExecutor(at_once) as pool:
        list(pool.map(one, range(len(urls)), urls))


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds, and those of our own CPU."""
    started, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - started, time.process_time() - cpu


def main() -> dict[str, Any]:
    os.environ |= {
        "AWS_ACCESS_KEY_ID": "bench",
        "AWS_SECRET_ACCESS_KEY": "bench-secret",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="longtake-bench-") as folder:
        path, cdn, s3 = Path(folder) / "clip.mp4", free_port(), free_port()
        path.write_bytes(b"\0\0\0\x18ftypisom" + os.urandom(SIZE - 12))
        storage = {"S3_PERSIST": "1", "S3_DATA_DIR": f"{folder}/s3", "HOME": folder}
        quiet = {
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": s3,
            "SFTP_ENABLED": "0",
            "IOT_MTLS_ENABLED": "0",
            "AUTH": "true",
        }
        with served(CDN, str(path), cdn, ready="serving"), served(S3, ready="Running on", **storage, **quiet):
            os.environ["AWS_ENDPOINT_URL"] = f"http://127.0.0.1:{s3}"
            client("bench").create_bucket(Bucket="bench")
            store = stores.open("s3://bench/films")
            for case, (count, at_once, turns, aim) in CASES.items():
                urls = [f"http://127.0.0.1:{cdn}/clip.mp4"] * count
                ways: list[Callable[[], object]] = [
                    lambda urls=urls, at_once=at_once: asyncio.run(kept(urls, at_once, store)),  # type: ignore[misc]
                    lambda urls=urls, at_once=at_once: uploaded(urls, at_once, Path(folder)),  # type: ignore[misc]
                ]
                rounds = []
                for turn in range(turns + 1):
                    order = (0, 1) if turn % 2 else (1, 0)
                    measured = {way: timed(ways[way]) for way in order}
                    rounds.append((measured[0], measured[1]))
                    keys = [each.key for each in store.scan("") if each.size == SIZE]
                    assert len(keys) == 2 * count
                    store.delete(keys)
                rows += told(case, rounds[1:], aim)  # the first connects
    return {"bytes": SIZE, "rows": rows}


def told(case: str, rounds: list[tuple[tuple[float, float], tuple[float, float]]], aim: float) -> list[dict[str, Any]]:
    """Rows of the round whose ratio is the median."""
    middle = sorted(rounds, key=lambda one: one[0][0] / one[1][0])[len(rounds) // 2]
    name, over = f"CDN to S3, 10 MB: {case}", "download, then upload_file"
    return [
        row(f"{name}, {key}", ours, over, rival, aim=aim if key == "wall" else None)
        for key, ours, rival in zip(("wall", "CPU"), *middle, strict=True)
    ]
