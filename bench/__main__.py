"""`python -m bench [NAME…]`: measure, print tables, write `bench/out/NAME.json` and the tables and the plot of the docs.

A measurement is a module with `main() -> dict`, whose `rows` are those of `bench._rows`; its docstring's first line is its title.
With `--report` nothing is measured: `docs/explanation/performance.md` and its plot are written from `bench/out` as it is.
"""

from __future__ import annotations

import importlib
import json
import os
import platform
import sys
import time
import traceback
from datetime import UTC, datetime
from pathlib import Path

from bench import _report

HERE = Path(__file__).parent
ORDER = ("start", "links", "engine", "join", "streaming", "ledger", "books", "memory")


def main() -> int:
    asked = [name for name in sys.argv[1:] if name != "--report"]
    if unknown := [name for name in asked if name not in ORDER]:
        print(f"no measurement is called {unknown[0]}; known: {', '.join(ORDER)}", file=sys.stderr)
        return 2
    (HERE / "out").mkdir(exist_ok=True)
    failed = False
    for name in () if "--report" in sys.argv else asked or ORDER:
        module = importlib.import_module(f"bench.{name}")
        print(f"\n{name}: {(module.__doc__ or '').splitlines()[0]}", flush=True)
        began, load = time.monotonic(), os.getloadavg()[0]
        try:
            found = module.main()
        except Exception:  # noqa: BLE001 - one that fails must not cost the results of the others
            traceback.print_exc()
            failed = True
            continue
        about = {
            "measured": datetime.now(UTC).isoformat(timespec="minutes"),
            "seconds": round(time.monotonic() - began),
        }
        machine = f"{os.cpu_count()} cores, load {load:.1f} at the start, {platform.system()}, Python {platform.python_version()}"
        (HERE / "out" / f"{name}.json").write_text(json.dumps({**about, "machine": machine, **found}, indent=1) + "\n")
        print(f"  {about['seconds']} s", flush=True)
    _report.write(HERE / "out", ORDER)
    return int(failed)


sys.exit(main())
