"""`python -m bench [NAME…]`: measure, print tables, write `bench/out/NAME.json`. Every other module here is a measurement.

A measurement is a module with `main() -> dict`; its docstring's first line is its title.
"""

from __future__ import annotations

import importlib
import json
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).parent


def main() -> int:
    known = sorted(path.stem for path in HERE.glob("[!_]*.py"))
    names = sys.argv[1:] or known
    for name in names:
        if name not in known:
            print(f"no measurement is called {name}; known: {', '.join(known)}", file=sys.stderr)
            return 2
    (HERE / "out").mkdir(exist_ok=True)
    for name in names:
        module = importlib.import_module(f"bench.{name}")
        print(f"\n{name}: {(module.__doc__ or '').splitlines()[0]}", flush=True)
        found = module.main()
        machine = {"cpus": os.cpu_count(), "python": platform.python_version(), "system": platform.system()}
        found = {"measured": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine, **found}
        (HERE / "out" / f"{name}.json").write_text(json.dumps(found, indent=1) + "\n")
    return 0


sys.exit(main())
