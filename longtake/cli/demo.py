"""`longtake demo`: make a film against an emulator on this machine, without a key and without cost."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longtake.cli import progress
from longtake.emulator import process
from longtake.report import stale_note

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument(
        "folder", metavar="FOLDER", nargs="?", default="demo-film", help="where it all goes (demo-film)"
    )
    parser.add_argument("--board", metavar="BOARD", help="another storyboard than the one the demo brings")
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end")


def main(options: argparse.Namespace) -> int:
    """Start the emulator, make the film against it with Prefect, and print where everything is."""
    folder = Path(options.folder).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    board = Path(options.board).absolute() if options.board else folder / "lighthouse.yaml"
    if not options.board and not board.exists():
        # Keep an edited storyboard: the next demo shows what the edit costs.
        board.write_bytes(resources.files("longtake.cli").joinpath("project", "lighthouse.yaml").read_bytes())
    store = folder / "store"
    store.mkdir(exist_ok=True)
    _say(f"an emulator on this machine renders {board.name}; everything is kept in {folder}")
    with process.running(folder, store) as base_url:
        home = folder / "prefect"
        env = {**process.environment(base_url, store), "PREFECT_HOME": str(home)}
        # Only standard output is a pipe: progress goes straight to the terminal.
        shown = progress.style(as_json=options.json)
        command = [sys.executable, "-P", "-m", "longtake.cli", "run", str(board), "--json", "--progress", shown]
        done = subprocess.run(command, env=env, stdout=subprocess.PIPE, check=False)
    answer: dict[str, Any] = json.loads(done.stdout or b"{}")
    if options.json:
        print(json.dumps(answer, indent=2))
    elif answer.get("film"):
        _tell(answer, home, board)
    return done.returncode


def _say(text: str) -> None:
    print(f"demo: {text}", file=sys.stderr, flush=True)


def _tell(answer: dict[str, Any], home: Path, board: Path) -> None:
    credits, shots = answer["credits"], answer["shots"]
    bought = sum(shot["state"] == "bought" for shot in shots)
    poster = Path(answer["film"]).with_name("poster.jpg")
    note = stale_note([shot["id"] for shot in shots if shot["state"] == "stale"])
    stale = f"stale:    {note}\n" if note else ""
    run = f"flow-run/{answer['flow_run_id']}" if answer["flow_run_id"] else ""
    prefect = Path(sys.executable).with_name("prefect")
    print(
        f"\nfilm:     {answer['film']}\n"
        f"poster:   {poster}\n"
        f"manifest: {answer['manifest']}\n"
        f"shots:    {len(shots)}, of which {bought} were bought now\n"
        f"cost:     {credits['charged']} credits charged, {credits['refunded']} refunded, {credits['in_doubt']} in doubt "
        f"(the emulator's play money)\n"
        f"{stale}\n"
        f"See the {'run' if run else 'runs before'} in the Prefect UI:\n"
        f"  PREFECT_HOME={home} {prefect} server start\n"
        f"  http://127.0.0.1:4200/runs/{run}\n\n"
        f"Run it again: nothing is bought twice. Change a prompt in {board} and run it once more: only that shot is bought."
    )
