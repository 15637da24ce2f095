"""A command that runs in this process, in an empty folder, without a person's own settings; and a storyboard to plan."""

from __future__ import annotations

import os

import pytest
from commands import BOARD

from longtake.cli import main


@pytest.fixture
def settings(monkeypatch, tmp_path):
    """Nothing of the person's own settings; a folder to work in."""
    for name in os.environ:
        if name.startswith(("LONGTAKE_", "REAPI_", "OTEL_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("LONGTAKE_STORE", str(tmp_path / "store"))
    monkeypatch.chdir(tmp_path)
    return monkeypatch


@pytest.fixture
def longtake(capsys):
    """Run a command in this process: its exit code, what it printed, and what it printed as an error."""

    def run(*words):
        code = main([str(word) for word in words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.fixture
def board(tmp_path):
    path = tmp_path / "pier.yaml"
    path.write_text(BOARD)
    return path
