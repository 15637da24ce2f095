"""An emulator for each test, and scripts run as a person would run them."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from emulators import running_emulator, small_catalog
from processes import PATIENCE


@pytest.fixture
def provider(tmp_path):
    """An emulator whose store is a folder of the test; it may be asked for its books."""
    (tmp_path / "store").mkdir()
    catalog = small_catalog(tmp_path / "catalog.json", pixels=(160, 90), shortest=None)
    with running_emulator(tmp_path / "store", catalog=catalog) as found:
        yield found


@pytest.fixture
def environment(provider, tmp_path):
    """What leads a process to that emulator, and to nothing of this person's own."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("LONGTAKE_", "REAPI_", "PREFECT_", "PYTHON"))}
    return {
        **kept,
        "NO_PROXY": "*",
        "DO_NOT_TRACK": "1",
        "PREFECT_HOME": str(tmp_path / "prefect"),
        "LONGTAKE_API_KEY": provider.key,
        "LONGTAKE_BASE_URL": provider.base_url,
        "LONGTAKE_PUBLIC_URL": provider.store_url,
        "LONGTAKE_STORE": str(tmp_path / "store"),
        "LONGTAKE_CATALOG": str(tmp_path / "catalog.json"),
    }


@pytest.fixture
def run(environment, tmp_path):
    """`run(script, **more variables)`: run a script in an empty folder; gives what it prints."""

    def run(script, **more):
        folder = tmp_path / "cwd"
        folder.mkdir(exist_ok=True)
        done = subprocess.run(
            [sys.executable, script],
            cwd=folder,
            env={**environment, **more},
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run
