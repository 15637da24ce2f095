"""SIGTERM to a flow that runs as a worker runs it, in the main thread: the answer of an open POST is still written down."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import asyncio, os, signal, sys
from longtake.provider import Provider
from prefect.utilities.engine import capture_sigterm

send = Provider.submit

async def submit(self, body, **options):
    # The signal comes while the request is on its way; the answer comes a turn of the loop later.
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.sleep(0)
    return await send(self, body, **options)

Provider.submit = submit
from longtake.flows.storyboard import storyboard
with capture_sigterm():
    asyncio.run(storyboard(sys.argv[1]))
"""


@pytest.mark.slow  # tests/e2e/test_e2e_stopping.py has the same with the signal from outside
def test_a_workers_sigterm_loses_no_answer(stage) -> None:
    here = stage()
    board = here.board("Rolled Out", {"s": [{"id": "one", "prompt": "A harbor"}]})
    command = [sys.executable, "-P", "-c", SCRIPT, str(board)]
    with here.process(*command, env=here.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        assert running.wait(timeout=200) != 0
    assert here.provider.posts == 1
    assert here.credits()["in_doubt"] == []
    again = here.run(board)
    assert again.answer["film"]
    assert here.provider.posts == 1, "what was bought under the signal was bought again"
