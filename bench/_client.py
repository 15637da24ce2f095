"""`python -m bench._client WAY BOARD TAKES`: makes a film in a process of its own and prints one JSON line.

So many takes are under way at once, more than the settings allow where it is said so.

`flow` is the flow `storyboard`. `plain` is `Studio.make`, the same film without an engine. `waits` is the client of the
provider alone, without a ledger or a store. `obvious` is the Prefect flow that one writes first: a task per step, `.submit`, a
retry per poll, and no ledger, no checks and no film.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from longtake.observer import Step

marks: list[tuple[str, str, float, float]] = []
"""Shot, step, when it began and ended, in seconds since 1970."""


class Timed:
    """Notes when each step ran. It is an `Observer`; that is imported when a way begins, so that the import is timed with it."""

    def notify(self, event: object) -> None:
        del event

    async def around(self, step: Step, call: Callable[[], Awaitable[Any]]) -> Any:  # noqa: ANN401 - whatever the step gives
        began = time.time()
        try:
            return await call()
        finally:
            shot = step.label.partition(" · ")[0].rpartition("/")[2]
            marks.append((shot, step.name, began, time.time()))


def unlimited(in_flight: int) -> None:
    """Let settings be read as they are but for the limits: no rate of submits, and as many takes at once as asked for."""
    from longtake import settings

    read = settings.from_environment
    limits = {"max_in_flight": in_flight, "submits_per_second": None}
    settings.from_environment = lambda *given: read(*given).model_copy(update=limits)


def flow(board: str, in_flight: int) -> None:
    unlimited(in_flight)
    from longtake.flows.storyboard import storyboard
    from longtake.prefect.observer import also

    with also(Timed()):
        asyncio.run(storyboard(board))


def plain(board: str, in_flight: int) -> None:
    unlimited(in_flight)
    from longtake import Studio

    asyncio.run(Studio.from_env(observers=[Timed()]).make(board))


def waits(board: str, _: int) -> None:
    from longtake import settings
    from longtake.provider import Provider

    found = settings.from_environment()
    shots = [shot for scene in json.loads(Path(board).read_text())["scenes"] for shot in scene["shots"]]
    posts = asyncio.Semaphore(8)

    async def wait(provider: Provider, prompt: str) -> None:
        body = {"model": "seedance-2.5", "resolution": "480p", "size": "16:9", "duration": 1, "generate_audio": False}
        async with posts:
            task_id = (await provider.submit({**body, "prompt": prompt})).task_id
        await provider.wait(task_id, longest=3600)

    async def work() -> None:
        async with Provider(base_url=found.base_url, key=found.key()) as provider, asyncio.TaskGroup() as group:
            for shot in shots:
                group.create_task(wait(provider, shot["prompt"]))

    asyncio.run(work())


def obvious(board: str, _: int) -> None:
    import os

    import httpx
    from prefect import flow, task

    base, store = os.environ["LONGTAKE_BASE_URL"], Path(os.environ["LONGTAKE_STORE"])
    http = httpx.Client(
        headers={"Authorization": f"Bearer {os.environ['LONGTAKE_API_KEY']}"}, timeout=60, trust_env=False,
        limits=httpx.Limits(max_connections=None),
    )  # fmt: skip

    @task
    def submit(shot: dict[str, Any], frame: str | None) -> str:
        body = {"model": "seedance-2.5", "resolution": "480p", "size": "16:9", "duration": 1, "generate_audio": False}
        body |= {"prompt": shot["prompt"], "return_last_frame": True}
        if frame is not None:
            body["image_with_roles"] = [{"url": frame, "role": "first_frame"}]
        answer = http.post(f"{base}/videos/generations", json=body)
        answer.raise_for_status()
        return str(answer.json()["id"])

    @task(retries=10_000, retry_delay_seconds=2)
    def poll(task_id: str) -> dict[str, Any]:
        found = http.get(f"{base}/tasks/{task_id}").raise_for_status().json()
        if found["status"] == "processing":
            raise RuntimeError("still processing")
        return dict(found["output"])

    @task
    def keep(shot: dict[str, Any], output: dict[str, Any]) -> str:
        with http.stream("GET", output["video_urls"][0]) as answer, (store / f"{shot['id']}.mp4").open("wb") as file:
            for part in answer.iter_bytes():
                file.write(part)
        return str(output["last_frame_url"])

    @flow
    def make() -> None:
        kept = []
        for scene in json.loads(Path(board).read_text())["scenes"]:
            frame = None
            for shot in scene["shots"]:
                if "continue_from" in shot:
                    frame = None  # it starts fresh: waiting for the shot before it would make the film one chain
                output = poll.submit(submit.submit(shot, frame))
                frame = keep.submit(shot, output)
                kept.append(frame)
        for one in kept:
            one.result()

    make()


if __name__ == "__main__":
    began, cpu = time.time(), time.process_time()
    ways = {"flow": flow, "plain": plain, "waits": waits, "obvious": obvious}
    ways[sys.argv[1]](sys.argv[2], int(sys.argv[3]))
    print(
        json.dumps({"began": began, "ended": time.time(), "cpu": time.process_time() - cpu, "marks": marks}), flush=True
    )
