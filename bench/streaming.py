"""From the provider's CDN into S3 as a stream, beside boto3's `upload_file` of the same bytes from the disk.

The CDN and S3 (MiniStack, which keeps objects in files) are processes of their own, over the wire. The ways take turns, since
a busy machine is busy for all of them. A stream's object gets its name when all its bytes are known: S3 copies it there by
itself. That copy is timed alone too, since it is S3's work and not ours; "sent" is a stream without it. A ratio is the median
of the rounds' own ratios to `upload_file`.
"""

from __future__ import annotations

import asyncio
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from longtake import store as stores
from longtake.provider import Provider
from longtake.store.s3client import client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from longtake.store import Store

SIZE = 256 * 1024 * 1024
ROUNDS = 9
MEGA = 1_000_000
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


async def streamed(url: str, store: Store) -> None:
    """As a run keeps a clip."""
    async with Provider(base_url="http://127.0.0.1:9/api/v1", key=SecretStr("bench")) as provider:
        with store.incoming(content_type="video/mp4") as sink:
            fetched = await provider.stream(url, sink, limit=SIZE, kind="any")
            await asyncio.to_thread(sink.commit, f"media/{fetched.sha256}.mp4")


def uploaded(path: Path) -> None:
    """As boto3 does it when nobody tells it otherwise."""
    import boto3

    boto3.client("s3").upload_file(str(path), "bench", "films/media/uploaded.mp4")


def copied() -> None:
    """As S3 gives a streamed object its name."""
    there = {"Bucket": "bench", "Key": "films/media/uploaded.mp4"}
    client("bench").copy_object(Bucket="bench", Key="films/media/copied.mp4", CopySource=there)  # type: ignore[arg-type]


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
    with tempfile.TemporaryDirectory(prefix="longtake-bench-") as folder:
        path, cdn, s3 = Path(folder) / "clip.mp4", free_port(), free_port()
        path.write_bytes(os.urandom(1024 * 1024) * (SIZE // 1024 // 1024))
        kept = {"S3_PERSIST": "1", "S3_DATA_DIR": f"{folder}/s3", "HOME": folder}
        quiet = {
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": s3,
            "SFTP_ENABLED": "0",
            "IOT_MTLS_ENABLED": "0",
            "AUTH": "true",
        }
        with served(CDN, str(path), cdn, ready="serving"), served(S3, ready="Running on", **kept, **quiet):
            os.environ["AWS_ENDPOINT_URL"] = f"http://127.0.0.1:{s3}"
            client("bench").create_bucket(Bucket="bench")
            store = stores.open("s3://bench/films")
            ways: dict[str, Callable[[], object]] = {
                "stream": lambda: asyncio.run(streamed(f"http://127.0.0.1:{cdn}/clip.mp4", store)),
                "upload_file": lambda: uploaded(path),
                "copy": copied,
            }
            rounds = []
            for _ in range(ROUNDS + 1):
                rounds.append({way: timed(work) for way, work in ways.items()})
                keys = [found.key for found in store.scan("") if found.size == SIZE]
                assert len(keys) == len(ways)
                store.delete(keys)
    rounds.pop(0)  # the first connects
    return told(rounds)


def told(rounds: list[dict[str, tuple[float, float]]]) -> dict[str, Any]:
    size = SIZE / MEGA
    seconds = {
        "stream": [each["stream"][0] for each in rounds],
        "sent": [each["stream"][0] - each["copy"][0] for each in rounds],
        "upload_file": [each["upload_file"][0] for each in rounds],
    }
    found: dict[str, Any] = {"bytes": SIZE, "rounds": [dict(each) for each in rounds]}
    print(f"  {'':14}{'MB/s':>10}{'ratio':>10}{'CPU ms/MB':>12}")
    for way, each in seconds.items():
        ratio = statistics.median(plain / ours for ours, plain in zip(each, seconds["upload_file"], strict=True))
        cpu = statistics.median(one["upload_file" if way == "upload_file" else "stream"][1] for one in rounds)
        found[way] = {"mb_s": size / statistics.median(each), "ratio": ratio, "cpu_ms_mb": cpu * 1000 / size}
        print(f"  {way:14}{found[way]['mb_s']:>10.1f}{ratio:>10.2f}{found[way]['cpu_ms_mb']:>12.2f}")
    return found
