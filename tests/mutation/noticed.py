"""A plugin of pytest for `run.py`: writes down which test failed with the mutant that is tried, and how."""

from __future__ import annotations

import json
import os
from pathlib import Path


def pytest_runtest_logreport(report):
    """Add a line for each test that failed; a fault that ends the process leaves none."""
    mutant = os.environ.get("MUTANT_UNDER_TEST", "")
    if not report.failed or "__mutmut_" not in mutant:
        return
    crash = getattr(report.longrepr, "reprcrash", None)
    error = (crash.message if crash is not None else str(report.longrepr)).strip().partition("\n")[0]
    line = {"mutant": mutant, "test": report.nodeid, "when": report.when, "error": error[:200]}
    with Path(os.environ["LONGTAKE_NOTICED"]).open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
