"""A film of 1,000 shots: planned, and run when there is nothing to do, from a folder and from a bucket.

Each measurement is a process of its own, as a person starts it: wall and CPU seconds (of its children too) and the requests that
reach S3, by kind. The store is as a run left it, but for the clips, which nobody reads. S3 (MiniStack), the provider (the
emulator) and a Prefect server are processes of their own. "bare" is a store whose snapshot is gone, "fresh" an empty one.
"""

from __future__ import annotations

import os
import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longtake import store as stores
from longtake.settings import Settings
from longtake.store.s3client import client

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterator

    from longtake.store import Store

sys.path.append(str(Path(__file__).parent.parent / "tests" / "support"))

SHOTS = 1000
ROUNDS = 3
KEY = "emulator-key"
SLUG = "a-long-film"
COMMAND = "longtake.cli"
KINDS = ("list", "get", "head", "put")
S3 = "from ministack.app import main; main()"


@contextmanager
def served(*command: str, ready: str, **settings: str) -> Iterator[str]:
    """A Python process that serves, once it said so; gives the line in which it did."""
    with subprocess.Popen(
        [sys.executable, *command],
        env=os.environ | settings,
        stderr=subprocess.STDOUT,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            said = next((line for line in process.stdout if ready in line), None)
            assert said is not None, f"{command} did not start"
            # The rest of its lines goes where it keeps nobody waiting.
            with subprocess.Popen(["cat"], stdin=process.stdout, stdout=subprocess.DEVNULL):
                yield said
                process.terminate()
        finally:
            process.kill()


def free_port() -> str:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return str(taken.getsockname()[1])


def measured(board: Path, word: str, store: str, seen: Callable[[], Counter[str]], **settings: str) -> dict[str, Any]:
    """`longtake plan` or `longtake run` in a process of its own: the median of rounds."""
    command = [sys.executable, "-m", COMMAND, word, str(board)]
    rounds = []
    requests: dict[str, int] = {}
    for _ in range(ROUNDS):
        seen()
        started = time.perf_counter()
        process = subprocess.Popen(
            command, env=os.environ | {"LONGTAKE_STORE": store, **settings}, cwd=board.parent,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        _, status, used = os.wait4(process.pid, 0)
        assert status == 0, f"longtake {word} ended with {status}"
        rounds.append((time.perf_counter() - started, used.ru_utime + used.ru_stime))
        kinds = seen()
        requests = {kind: kinds[kind] for kind in KINDS}
    return {
        "wall_s": statistics.median(wall for wall, _ in rounds),
        "cpu_s": statistics.median(cpu for _, cpu in rounds),
        "requests": requests,
        "rounds": rounds,
    }


def without_snapshot(store: Store) -> None:
    for key in list(store.list(f"films/{SLUG}/state/")):
        path = store.path(key)
        if path is not None:
            path.unlink()
        else:
            client("bench").delete_object(Bucket="bench", Key=f"films/{key}")


@contextmanager
def prefect() -> Iterator[str]:
    """A Prefect server of its own; its API's URL."""
    port = free_port()
    command = ("-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", port)
    with served(*command, ready="Configure Prefect", PREFECT_SERVER_UI_ENABLED="false"):
        api = f"http://127.0.0.1:{port}/api"
        while True:
            try:
                with urllib.request.urlopen(f"{api}/health"):  # noqa: S310 - our own
                    break
            except urllib.error.URLError:
                time.sleep(0.2)
        yield api


def main() -> dict[str, Any]:
    import bought
    from counting import Counting

    found: dict[str, dict[str, Any]] = {}

    def told(name: str, *rest: Any, **settings: str) -> None:  # noqa: ANN401 - as `measured`
        one = found[name] = measured(*rest, **settings)
        kinds = "".join(f"{one['requests'][kind]:>6}" for kind in KINDS)
        print(f"  {name:32}{one['wall_s']:>9.2f}{one['cpu_s']:>9.2f}{kinds}", flush=True)

    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="longtake-bench-")))
        port = free_port()
        os.environ |= {
            "AWS_ACCESS_KEY_ID": "bench",
            "AWS_SECRET_ACCESS_KEY": secrets.token_hex(16),
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            "PREFECT_HOME": str(folder / "prefect"),
            "NO_PROXY": "*",
        }
        kept = {"S3_PERSIST": "1", "S3_DATA_DIR": str(folder / "s3"), "HOME": str(folder)}
        quiet = {
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": port,
            "SFTP_ENABLED": "0",
            "IOT_MTLS_ENABLED": "0",
            "AUTH": "true",
        }
        stack.enter_context(served("-c", S3, ready="Running on", **kept, **quiet))
        provider = free_port()
        stack.enter_context(served("-m", COMMAND, "emulator", "--port", provider, "--key", KEY, ready="base_url"))
        settings = Settings(base_url=f"http://127.0.0.1:{provider}/api/v1", api_key=KEY)
        os.environ |= {"LONGTAKE_BASE_URL": settings.base_url, "LONGTAKE_API_KEY": KEY}
        board = folder / "board.yaml"
        board.write_text(bought.board(SHOTS))
        local = stores.open(str(folder / "store"))
        bought.buy(bought.board(SHOTS), local, settings)
        client("bench").create_bucket(Bucket="bench")
        bought.copy(local, stores.open("s3://bench/films"))
        counting = Counting(os.environ["AWS_ENDPOINT_URL"])
        direct, os.environ["AWS_ENDPOINT_URL"] = os.environ["AWS_ENDPOINT_URL"], counting.url
        bucket = "s3://bench/films"

        def seen() -> Counter[str]:
            kinds = counting.kinds()
            counting.reset()
            return kinds

        print(f"  {'':32}{'wall s':>9}{'CPU s':>9}{''.join(f'{kind:>6}' for kind in KINDS)}")
        told("plan, folder", board, "plan", local.uri, seen)
        told("plan, folder, fresh", board, "plan", str(folder / "fresh"), seen)
        told("plan, S3", board, "plan", bucket, seen)
        told("plan, S3, fresh", board, "plan", "s3://bench/fresh", seen)
        told("run, folder, temporary server", board, "run", local.uri, seen)
        told("run, S3, temporary server", board, "run", bucket, seen)
        with prefect() as api:
            told("run, S3, a server that runs", board, "run", bucket, seen, PREFECT_API_URL=api)
        without_snapshot(local)
        told("plan, folder, bare", board, "plan", local.uri, seen)
        os.environ["AWS_ENDPOINT_URL"] = direct
        without_snapshot(stores.open(bucket))
        os.environ["AWS_ENDPOINT_URL"] = counting.url
        told("plan, S3, bare", board, "plan", bucket, seen)
        counting.close()
    return {"shots": SHOTS, "measured": found}
