"""An emulator for each test, and scripts run as a person would run them."""

from __future__ import annotations

import subprocess
import sys

import pytest
from processes import PATIENCE, clean_environment


@pytest.fixture
def account(open_account):
    return open_account(processing=0.2)


@pytest.fixture
def provider(account):
    """The account's emulator; it may be asked for its books."""
    return account.emulator


@pytest.fixture
def environment(account, tmp_path):
    """What leads a process to that emulator, and to nothing of this person's own."""
    given = clean_environment(PREFECT_HOME=str(tmp_path / "prefect"), **account.env)
    return {name: value for name, value in given.items() if not name.startswith("PYTHON")}


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
