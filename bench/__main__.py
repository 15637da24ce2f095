"""`python -m bench [NAME…]`: measure, print tables, write `bench/out/NAME.json` and the tables and the plot of the docs.

A measurement is a module with `main() -> dict`, whose `rows` are those of `bench._rows`; its docstring's first line is its title.
Several are run one after another, each in a process of its own, within `WHOLE` seconds in all: one that fails, hangs or comes too
late costs only its own results, and what it left in `bench/out` before stays, with its date. With `--report` nothing is measured:
`docs/explanation/performance.md` and its plot are written from `bench/out` as it is.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import platform
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from bench import _report

HERE = Path(__file__).parent
LONGEST = {
    "start": 90, "links": 330, "engine": 200, "join": 180, "streaming": 120, "ledger": 90, "books": 120, "memory": 150,
}  # fmt: skip
"""The measurements in order, and the most seconds of each where several are made."""
WHOLE = 880.0
"""Seconds for all of them."""


def main() -> int:
    asked = [name for name in sys.argv[1:] if name != "--report"]
    if unknown := [name for name in asked if name not in LONGEST]:
        print(f"no measurement is called {unknown[0]}; known: {', '.join(LONGEST)}", file=sys.stderr)
        return 2
    (HERE / "out").mkdir(exist_ok=True)
    missing: list[str] = []
    if len(asked) == 1 and "--report" not in sys.argv:
        measure(asked[0])
    elif "--report" not in sys.argv:
        began = time.monotonic()
        for name in asked or LONGEST:
            left = WHOLE - (time.monotonic() - began)
            if why := apart(name, min(LONGEST[name], left)):
                missing.append(f"{name}: {why}")
    _report.write(HERE / "out", tuple(LONGEST))
    for line in missing:
        print(f"not measured: {line}", file=sys.stderr)
    return int(bool(missing))


def apart(name: str, seconds: float) -> str:
    """Measure in a process of its own; why there is no result, empty where there is."""
    if seconds <= 0:
        return f"no time was left of {WHOLE:.0f} s"
    with subprocess.Popen([sys.executable, "-m", "bench", name], start_new_session=True) as process:
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            # It ends what it started; the rest of its session is ended for it.
            for number in (signal.SIGTERM, signal.SIGKILL):
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, number)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(20)
            return f"cut after {seconds:.0f} s"
    return f"it failed ({code})" if code else ""


def measure(name: str) -> None:
    """Make one measurement and write its result."""
    module = importlib.import_module(f"bench.{name}")
    print(f"\n{name}: {(module.__doc__ or '').splitlines()[0]}", flush=True)
    began, load = time.monotonic(), os.getloadavg()[0]
    found = module.main()
    about = {
        "measured": datetime.now(UTC).isoformat(timespec="minutes"),
        "seconds": round(time.monotonic() - began),
    }
    machine = (
        f"{os.cpu_count()} cores, load {load:.1f} at the start, {platform.system()}, Python {platform.python_version()}"
    )
    (HERE / "out" / f"{name}.json").write_text(json.dumps({**about, "machine": machine, **found}, indent=1) + "\n")
    print(f"  {about['seconds']} s", flush=True)


sys.exit(main())
