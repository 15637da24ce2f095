"""Tasks in other processes: Prefect's process pool and Dask buy each clip once, and a take made in one is continued in another."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).with_name("script.py")


def run(account, env, *words):
    """Run a user's script; a warning that something was left open ends up on its standard error."""
    command = [sys.executable, "-X", "dev", "-W", "default::ResourceWarning", str(SCRIPT), *words]
    done = subprocess.run(command, env={**env, **account.env}, capture_output=True, text=True, check=False, timeout=400)
    assert done.returncode == 0, done.stderr[-6000:]
    # Dask logs a traceback of its own where a worker's connection closes while a cluster ends.
    ours = [
        part
        for part in done.stderr.split("Traceback")[1:]
        if "longtake" in part.replace(str(ROOT), "").split("Error")[0]
    ]
    assert ours == []
    mine = [line for line in done.stderr.splitlines() if "ResourceWarning" in line and str(port(account)) in line]
    assert mine == []
    return done.stdout.split()


def port(account):
    return account.base_url.split(":")[2].split("/")[0]


def check(account, *names):
    assert account.bought() == dict.fromkeys(names, 1)
    assert account.ledger.read().attempts == {}


@pytest.mark.parametrize("runner", ["processes", pytest.param("dask", marks=pytest.mark.slow)])
def test_mapped_in_processes(account, prefect_env, runner):
    names = [f"s{number}" for number in range(6)]
    tasks = run(account, prefect_env, runner, account.marker, *names)
    assert sorted(tasks) == sorted(task["id"] for task in account.tasks())
    check(account, *names)


@pytest.mark.parametrize("way", ["steps", "at-once"])
def test_a_take_is_continued_in_another_process(account, prefect_env, way):
    """The store has no public URL, so the frame is handed on by asking the provider for the first task again."""
    account = account.using(public_url=None)
    tasks = run(account, prefect_env, "chain", account.marker, way, "first", "second")
    assert tasks == [task["id"] for task in account.tasks()]
    check(account, "first", "second")
    first, second = account.tasks()
    root = account.base_url.removesuffix("/api/v1")
    assert (root in str(first["body"]), root in str(second["body"])) == (False, True)


def test_two_processes_buy_the_same_shots_once(account, prefect_env):
    names = [f"s{number}" for number in range(6)]
    command = [sys.executable, str(SCRIPT), "threads", account.marker, *names]
    env = {**prefect_env, **account.env}
    both = [subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    first, second = (process.communicate(timeout=400)[0].split() for process in both)
    assert [process.returncode for process in both] == [0, 0]
    assert sorted(first) == sorted(second) == sorted(task["id"] for task in account.tasks())
    check(account, *names)
