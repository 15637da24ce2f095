"""What starting costs: `longtake plan` next to `python -c pass`, and a run with nothing to do next to a plan of the same.

Each measurement is a process of its own, as a person starts it: CPU seconds of it and its children, the median of rounds that take
turns. The store of the long film is as a run left it, but for the clips, which are not read.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

from bench import _clips
from bench._rows import medians, row
from bench._stage import BATCHES, KEY, ROOT, stage
from longtake import store as stores
from longtake.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

sys.path.append(str(ROOT / "tests" / "support"))

SHOTS = 1000
ROUNDS = 5


def measured(words: list[str], folder: Path, env: dict[str, str]) -> dict[str, float]:
    """Wall and CPU seconds of a Python process."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("LONGTAKE_", "REAPI_", "PREFECT_"))
    }
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *words], env=kept | env, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert status == 0, f"{words} ended with {process.returncode}"
    return {"wall": time.perf_counter() - began, "cpu": used.ru_utime + used.ru_stime}


def main() -> dict[str, Any]:
    import bought

    with stage() as on, on.provider(1.0, _clips.SMALL) as provider:
        boards = {shots: on.folder / f"{shots}.yaml" for shots in (3, SHOTS)}
        env = {"LONGTAKE_API_KEY": KEY, "LONGTAKE_BASE_URL": f"{provider.url}/api/v1"}
        env |= {"LONGTAKE_STORE": str(on.folder / "store"), "PREFECT_HOME": str(on.folder / "home"), "NO_PROXY": "*"}
        for shots, path in boards.items():
            path.write_text(bought.board(shots, title=f"Film {shots}"))
        settings = Settings(base_url=env["LONGTAKE_BASE_URL"], api_key=KEY)
        bought.buy(boards[SHOTS].read_text(), stores.open(env["LONGTAKE_STORE"]), settings)
        server = on.server(**BATCHES)
        ways = {
            "pass": (["-c", "pass"], env),
            "plan 3": (
                ["-m", "longtake.cli", "plan", str(boards[3])],
                env | {"LONGTAKE_STORE": str(on.folder / "new")},
            ),
            "plan": (["-m", "longtake.cli", "plan", str(boards[SHOTS])], env),
            "run": (["-m", "longtake.cli", "run", str(boards[SHOTS])], env),
            "run, API": (["-m", "longtake.cli", "run", str(boards[SHOTS])], env | {"PREFECT_API_URL": server.api}),
        }
        rounds: dict[str, list[dict[str, float]]] = {way: [] for way in ways}
        for _ in range(ROUNDS):
            for way, (words, given) in ways.items():
                rounds[way].append(measured(words, on.folder, given))
        server.process.end()
    found = {way: medians(one) for way, one in rounds.items()}
    cpu = {way: one["cpu"] for way, one in found.items()}
    return {
        "each": found,
        "rows": [
            row("plan of 3 shots, CPU", cpu["plan 3"], "python -c pass", cpu["pass"], aim=11),
            row(f"plan of {SHOTS:,} shots, CPU", cpu["plan"], "python -c pass", cpu["pass"], aim=28),
            row(f"nothing to do, {SHOTS:,} shots, CPU", cpu["run"], "plan of the same", cpu["plan"], aim=1.3),
            row("the same with a Prefect server, CPU", cpu["run, API"], "plan of the same", cpu["plan"], aim=3),
        ],
    }
