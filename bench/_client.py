"""`python -m bench._client WAY BOARD`: makes a film in a process of its own, with the settings of the environment.

`flow` is the flow `storyboard`, `studio` is `Studio.make`, the same film without an engine. `obvious` is the Prefect flow that one
writes first: a task for each step, `.submit`, a retry for each poll, and no ledger, no checks and no film.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any


def flow(board: str) -> None:
    from longtake.flows.storyboard import storyboard

    asyncio.run(storyboard(board))


def studio(board: str) -> None:
    from longtake import Studio

    Studio.from_env().make_sync(board)


def obvious(board: str) -> None:
    import httpx
    from prefect import flow, task

    base, store = os.environ["LONGTAKE_BASE_URL"], Path(os.environ["LONGTAKE_STORE"])
    http = httpx.Client(timeout=60, trust_env=False, limits=httpx.Limits(max_connections=None))
    whole = json.loads(Path(board).read_text())

    @task
    def submit(shot: dict[str, Any], frame: str | None) -> str:
        body = {**whole["defaults"], "model": whole["model"], "prompt": shot["prompt"], "return_last_frame": True}
        if frame is not None:
            body["image_with_roles"] = [{"url": frame, "role": "first_frame"}]
        return str(http.post(f"{base}/videos/generations", json=body).raise_for_status().json()["id"])

    @task(retries=10_000, retry_delay_seconds=2)
    def poll(task_id: str) -> dict[str, Any]:
        found = http.get(f"{base}/tasks/{task_id}").raise_for_status().json()
        if found["status"] == "processing":
            raise RuntimeError("still processing")
        return dict(found["output"])

    @task
    def keep(shot: dict[str, Any], output: dict[str, Any]) -> str:
        (store / f"{shot['id']}.mp4").write_bytes(http.get(output["video_urls"][0]).content)
        return str(output["last_frame_url"])

    @flow
    def make() -> None:
        kept = []
        for scene in whole["scenes"]:
            frame = None
            for shot in scene["shots"]:
                if "continue_from" in shot:
                    frame = None  # it starts fresh: waiting for the shot before it would make the film one chain
                frame = keep.submit(shot, poll.submit(submit.submit(shot, frame)))
                kept.append(frame)
        for one in kept:
            one.result()

    make()


if __name__ == "__main__":
    {"flow": flow, "studio": studio, "obvious": obvious}[sys.argv[1]](sys.argv[2])
