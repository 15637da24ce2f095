"""Processes of the `longtake` command that need not load Prefect: forked from one that has.

Loading it is most of what a short run takes. Each order is a line `{"words", "env", "cwd", "out", "err"}` on standard input;
the process it asks for is forked, runs the command as it is, and ends as Python ends, so that what Prefect still has to
send is sent. The answer is a line with its exit code, negative for a signal.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import signal
import sys
import threading
import traceback
from typing import NoReturn

from longtake import cli
from longtake.catalog import Catalog

LATE = (
    "longtake.cli.flow_run",
    *("anyio._backends._asyncio", "av", "fastapi", "ffmpeg", "imageio_ffmpeg", "prefect.task_engine"),
    *("prefect.utilities.visualization", "longtake.cli.credits", "longtake.cli.plan", "longtake.media.measure.checks"),
)
"""What every run loads later than at its start."""

HANGS = 240
"""Seconds after which a process has hung: it fails its own test, not those after it."""


def be(order: dict) -> NoReturn:
    """Be the process that was ordered, and end with its exit code."""
    code = 70
    signal.alarm(HANGS)
    try:
        os.setsid()
        for target, path in enumerate((os.devnull, order["out"], order["err"])):
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            os.dup2(handle, target)
            os.close(handle)
        os.chdir(order["cwd"])
        os.environ.clear()
        os.environ.update(order["env"])
        code = cli.main(order["words"])
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 70
    except BaseException:  # noqa: BLE001 - told on standard error; this process must not go on as its parent
        traceback.print_exc()
    finally:
        # As Python ends, but for taking apart what was loaded: that would copy every page of it.
        threading._shutdown()
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def serve() -> None:
    """Fork for each order, and wait."""
    for name in LATE:
        importlib.import_module(name)
    Catalog.load()
    gc.freeze()
    while line := sys.stdin.readline():
        pid = os.fork()
        if pid == 0:
            be(json.loads(line))
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)  # noqa: T201 - the answer


if __name__ == "__main__":
    serve()
