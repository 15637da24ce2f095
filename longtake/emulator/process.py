"""The emulator as a child process with an account of its own, for the demo and for a server to try Longtake on."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

from longtake import store as stores
from longtake.errors import LongtakeError
from longtake.ledger import EntryLog, account_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEY = "demo-key-of-the-emulator"
_CREDITS = 20_000


@contextlib.contextmanager
def running(folder: Path, store: Path) -> Iterator[str]:
    """A provider in a process of its own; yields its base URL. Its account goes on where the ledger says it is.

    Raises:
        LongtakeError: it did not start.
    """
    state = EntryLog(stores.open(str(store)), account_of("127.0.0.1", KEY)).read()
    balance = _CREDITS if state.expected_balance is None else state.expected_balance
    options = ["--port", "0", "--key", KEY, "--balance", str(balance), "--processing", "2", "--public", str(store)]
    with (folder / "emulator.log").open("ab") as log:
        child = subprocess.Popen(
            [sys.executable, "-P", "-m", "longtake.emulator", *options], stdout=subprocess.PIPE, stderr=log
        )
    try:
        line = child.stdout.readline() if child.stdout else b""
        if not line:
            raise LongtakeError(
                "the emulator did not start", next_step=f"see {folder / 'emulator.log'} and run `longtake doctor`"
            )
        yield str(json.loads(line)["base_url"])
    finally:
        child.terminate()
        child.wait(timeout=30)


def environment(base_url: str, store: Path) -> dict[str, str]:
    """The variables of a process whose provider is the emulator there, and nothing else of Longtake's or of a Prefect server."""
    return {
        **{k: v for k, v in os.environ.items() if not k.startswith(("LONGTAKE_", "REAPI_", "PREFECT_API_"))},
        "LONGTAKE_API_KEY": KEY,
        "LONGTAKE_BASE_URL": base_url,
        "LONGTAKE_STORE": store.as_uri(),
        "LONGTAKE_PUBLIC_URL": base_url.removesuffix("/api/v1") + "/store",
    }
