"""`longtake demo`: the whole machine on this computer, without a key and without paying anybody."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longtake import store as stores
from longtake.errors import LongtakeError
from longtake.ledger import Log, account_of
from longtake.report import stale_note

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

KEY = "demo-key-of-the-emulator"
_CREDITS = 20_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument(
        "folder", metavar="FOLDER", nargs="?", default="demo-film", help="where it all goes (demo-film)"
    )
    parser.add_argument("--board", help="another storyboard than the one the demo brings")
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end")


def main(options: argparse.Namespace) -> int:
    """Start the emulator, run the film against it with Prefect, say where everything is."""
    folder = Path(options.folder).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    board = Path(options.board).absolute() if options.board else folder / "lighthouse.yaml"
    if not options.board and not board.exists():
        # What a person changed in it is what the next demo is about.
        board.write_bytes(resources.files("longtake.cli").joinpath("demo.yaml").read_bytes())
    store = folder / "store"
    store.mkdir(exist_ok=True)
    _say(f"a provider on this machine renders, {board.name} is the storyboard, everything lands in {folder}")
    with emulator(folder, store) as base_url:
        home = folder / "prefect"
        env = {**environment(base_url, store), "PREFECT_HOME": str(home)}
        # No pipe between us and the flow but for its answer: its progress goes straight to the terminal.
        command = [sys.executable, "-P", "-m", "longtake.cli", "run", str(board), "--json"]
        done = subprocess.run(command, env=env, stdout=subprocess.PIPE, check=False)
    answer: dict[str, Any] = json.loads(done.stdout or b"{}")
    if options.json:
        print(json.dumps(answer, indent=2))
    elif answer.get("film"):
        _tell(answer, home, board)
    return done.returncode


def _say(text: str) -> None:
    print(f"demo: {text}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def emulator(folder: Path, store: Path) -> Iterator[str]:
    """A provider in a process of its own; yields its base URL. Its account goes on where the ledger says it is.

    Raises:
        LongtakeError: it did not start.
    """
    state = Log(stores.open(str(store)), account_of("127.0.0.1", KEY)).read()
    balance = _CREDITS if state.expected_balance is None else state.expected_balance
    options = ["--port", "0", "--key", KEY, "--balance", str(balance), "--processing", "2", "--public", str(store)]
    with (folder / "emulator.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "longtake.emulator", *options], stdout=subprocess.PIPE, stderr=log
        )
    try:
        line = process.stdout.readline() if process.stdout else b""
        if not line:
            raise LongtakeError(
                "the emulator did not start", next_step=f"see {folder / 'emulator.log'} and run `longtake doctor`"
            )
        yield str(json.loads(line)["base_url"])
    finally:
        process.terminate()
        process.wait(timeout=30)


def environment(base_url: str, store: Path) -> dict[str, str]:
    """The variables of a process whose provider is the emulator there, and nothing else of Longtake's or of a Prefect server."""
    return {
        **{k: v for k, v in os.environ.items() if not k.startswith(("LONGTAKE_", "REAPI_", "PREFECT_API_"))},
        "LONGTAKE_API_KEY": KEY,
        "LONGTAKE_BASE_URL": base_url,
        "LONGTAKE_STORE": store.as_uri(),
        "LONGTAKE_PUBLIC_URL": base_url.removesuffix("/api/v1") + "/store",
    }


def _tell(answer: dict[str, Any], home: Path, board: Path) -> None:
    credits, shots = answer["credits"], answer["shots"]
    bought = sum(shot["state"] == "bought" for shot in shots)
    poster = Path(answer["film"]).with_name("poster.jpg")
    note = stale_note([shot["id"] for shot in shots if shot["state"] == "stale"])
    stale = f"stale:    {note}\n" if note else ""
    prefect = Path(sys.executable).with_name("prefect")
    print(
        f"\nfilm:     {answer['film']}\n"
        f"poster:   {poster}\n"
        f"manifest: {answer['manifest']}\n"
        f"shots:    {len(shots)}, of which {bought} were bought now\n"
        f"cost:     {credits['charged']} credits charged, {credits['refunded']} refunded, {credits['in_doubt']} in doubt "
        f"(of the emulator's: nobody pays)\n"
        f"{stale}\n"
        f"See the run in the Prefect UI:\n"
        f"  PREFECT_HOME={home} {prefect} server start\n"
        f"  http://127.0.0.1:4200/runs/flow-run/{answer['flow_run_id']}\n\n"
        f"Run it again: nothing is bought twice. Change a prompt in {board} and run it once more: only that shot is bought."
    )
