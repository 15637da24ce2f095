"""The flow the workers of the cluster are given: it starts, says so, waits for leave and ends."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from prefect import flow
from prefect.runtime import flow_run


@flow
async def turn(number: int, folder: str) -> None:
    """Leave one file at the start and one at the end, named by number and process; each says which worker it was."""
    place, worker = Path(folder), os.environ["PREFECT__WORKER_NAME"]
    mark = f"{number}-{flow_run.get_run_count()}-{os.getpid()}"
    (place / f"began-{mark}").write_text(worker)
    while not (place / "leave").exists():  # noqa: ASYNC110 - what gives leave is another process
        await asyncio.sleep(0.1)
    (place / f"ended-{mark}").write_text(worker)
