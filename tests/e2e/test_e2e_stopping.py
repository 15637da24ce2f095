"""A run that is stopped while its POST is open: what comes of the POST is written down, and the next run goes on from there."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

PRICE = 320


@pytest.fixture
def waiting(stage, gate):
    """A stage, its gate, and a board of two shots that continue one another."""
    here = stage()
    board = here.board("Stopped", {"one": [{"id": "pier", "prompt": "A pier"}, {"id": "boat", "prompt": "A boat"}]})
    return here, gate(here.provider.base_url), board


def arrived(process, number):
    """Whether a signal is no longer on its way to a process (see proc(5))."""
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    pending = [int(line.split()[1], 16) for line in lines if line.startswith(("SigPnd", "ShdPnd"))]
    return not any(mask >> (number - 1) & 1 for mask in pending)


def goes_on(here, board):
    """The next run finishes the film and buys only what is missing."""
    ran = here.run(board)
    assert ran.states == {"pier": "bought", "boat": "bought"}
    assert here.provider.posts == 2
    assert here.credits()["total"]["settled"] == 2 * PRICE == 100_000 - here.provider.books()["balance"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_with_an_open_post(waiting, until, number):
    here, between, board = waiting
    with here.started("run", board, "--json", LONGTAKE_BASE_URL=between.base_url) as running:
        until(between.charged.is_set, why="the first POST is charged", process=running)
        running.send_signal(number)
        until(lambda: arrived(running, number), why="the signal arrives", process=running)
        between.opened.set()
        ran = here.finished(running)
    assert ran.code == 128 + number
    assert ran.answer["error"]["kind"] == "StoppedError"
    assert ran.err.splitlines()[-1].startswith("longtake: stopped by a signal. Next: run again")
    totals = here.credits()["total"]
    assert (totals["reserved"], totals["in_doubt"]) == (PRICE, 0)
    goes_on(here, board)


def test_a_signal_while_the_run_is_still_loading(waiting, until):
    here, between, board = waiting
    with here.started("run", board, "--json", LONGTAKE_BASE_URL=between.base_url) as running:
        status = Path(f"/proc/{running.pid}/status")

        def blocked() -> int:
            return int(re.search(r"^SigBlk:\s*(\w+)", status.read_text(), re.MULTILINE)[1], 16)

        until(
            lambda: blocked() >> (signal.SIGINT - 1) & 1,
            why="the command loads Prefect",
            process=running,
        )
        running.send_signal(signal.SIGINT)
        between.opened.set()
        ran = here.finished(running)
    assert ran.code == 130
    assert ran.err.startswith("longtake: stopped by a signal")


CANCELLED = """
import asyncio, sys
from longtake.flows import storyboard

async def main():
    run = asyncio.create_task(storyboard(sys.argv[1]))
    await asyncio.to_thread(sys.stdin.readline)
    run.cancel()
    print("cancelling", flush=True)
    await asyncio.wait({run})
    print("cancelled" if run.cancelled() else "not cancelled", flush=True)

asyncio.run(main())
"""


def test_cancelling_the_flow_run_waits_for_an_open_post(waiting, until):
    here, between, board = waiting
    env = {**here.env, "LONGTAKE_BASE_URL": between.base_url, "PREFECT_LOGGING_LEVEL": "CRITICAL"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with here.process(sys.executable, "-c", CANCELLED, str(board), env=env, **pipes) as running:
        until(between.charged.is_set, why="the first POST is charged", process=running)
        print("now", file=running.stdin, flush=True)
        assert running.stdout.readline() == "cancelling\n"
        between.opened.set()
        assert running.stdout.readline() == "cancelled\n", running.stderr.read()
        running.communicate()
    totals = here.credits()["total"]
    assert (totals["reserved"], totals["in_doubt"]) == (PRICE, 0)
    assert here.provider.posts == 1


IN_THE_MAIN_THREAD = "import asyncio, sys; from longtake.flows import storyboard; asyncio.run(storyboard(sys.argv[1]))"


def test_sigterm_to_a_workers_process_waits_for_an_open_post(waiting, until):
    """A worker runs a flow in the main thread of a process of its own, and stops it with SIGTERM."""
    here, between, board = waiting
    env = {**here.env, "LONGTAKE_BASE_URL": between.base_url, "PREFECT_LOGGING_LEVEL": "CRITICAL"}
    with here.process(sys.executable, "-c", IN_THE_MAIN_THREAD, str(board), env=env, stderr=subprocess.PIPE) as running:
        until(between.charged.is_set, why="the first POST is charged", process=running)
        running.send_signal(signal.SIGTERM)
        until(lambda: arrived(running, signal.SIGTERM), why="the signal arrives", process=running)
        between.opened.set()
        running.communicate()
        assert running.returncode != 0
    totals = here.credits()["total"]
    assert (totals["reserved"], totals["in_doubt"]) == (PRICE, 0)
    assert here.provider.posts == 1


# -- Prefect itself is away ----------------------------------------------------------------------------------------------


def test_no_server_where_one_is_named(waiting):
    here, _, board = waiting
    ran = here.run(board, code=1, PREFECT_API_URL="http://127.0.0.1:9/api")
    assert ran.err.count("\n") == 1
    assert "PREFECT_API_URL" in ran.err
    assert here.provider.posts == 0


def test_a_server_that_dies_in_mid_run_costs_nothing(waiting, until, mortal_prefect):
    here, between, board = waiting
    env = {
        "LONGTAKE_BASE_URL": between.base_url,
        "PREFECT_API_URL": mortal_prefect.api,
    }
    with here.started("run", board, "--json", **env) as running:
        until(between.charged.is_set, why="the first POST is charged", process=running)
        mortal_prefect.kill()
        between.opened.set()
        ran = here.finished(running)
    assert ran.code == 0
    assert "not shown in Prefect" in ran.err
    assert "Prefect could not be told of the end" in ran.err.splitlines()[-1]
    (film,) = here.store.glob("films/stopped/*/film.mp4")
    assert ran.answer["film"] == str(film), "the film is made all the same"
    ran = here.run(board)
    assert ran.states == {"pier": "current", "boat": "current"}
    assert here.provider.posts == 2


def test_without_a_server_prefect_brings_its_own_and_ctrl_c_ends_both_in_good_order(waiting, until):
    here, between, board = waiting
    del here.env["PREFECT_API_URL"]
    with here.started("run", board, "--json", LONGTAKE_BASE_URL=between.base_url) as running:
        until(between.charged.is_set, why="the first POST is charged", process=running)
        os.killpg(running.pid, signal.SIGINT)
        until(lambda: arrived(running, signal.SIGINT), why="the signal arrives", process=running)
        between.opened.set()
        ran = here.finished(running)
        assert ran.code == 130
        *open_ones, last = ran.err.splitlines()
        assert last == "longtake: stopped by a signal. Next: " + ran.answer["error"]["next_step"]
        assert all(line.startswith("cancelled: 1 attempt is under way (320 credits)") for line in open_ones)
        with pytest.raises(ProcessLookupError):
            os.killpg(running.pid, 0)
    goes_on(here, board)
