"""`python -m bench._client WAY BOARD TAKES`: makes a film in a process of its own and prints one JSON line.

So many takes are under way at once, more than the settings allow where it is said so.

`flow` is the flow `storyboard`. `plain` is the same functions of the core in an asyncio loop. `waits` is the client of the
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
    from collections.abc import Callable

    from longtake.take import Steps

marks: list[tuple[str, str, float, float]] = []
"""Shot, step, when it began and ended, in seconds since 1970."""


def timed(steps: Steps) -> Steps:
    """The steps, each of which notes when it ran."""
    from longtake.take import Steps

    def noted(name: str, step: Callable[..., Any], label: Callable[..., str]) -> Callable[..., Any]:
        async def work(*given: Any, **named: Any) -> Any:  # noqa: ANN401 - any step
            began = time.time()
            try:
                return await step(*given, **named)
            finally:
                marks.append((label(*given), name, began, time.time()))

        return work

    return Steps(
        upload=noted("upload", steps.upload, lambda _, identity: identity.wanted.shot.id),
        submit=noted("submit", steps.submit, lambda _, prepared: prepared.identity.wanted.shot.id),
        poll=noted("poll", steps.poll, lambda _, attempt: attempt.order.shot),
        keep=noted("keep", steps.keep, lambda _, prepared, *__: prepared.identity.wanted.shot.id),
    )


def unlimited(in_flight: int) -> None:
    """Let settings be read as they are but for the limits: no rate of submits, and as many takes at once as asked for."""
    from longtake import settings

    read = settings.from_environment
    limits = {"max_in_flight": in_flight, "submits_per_second": None}
    settings.from_environment = lambda *given: read(*given).model_copy(update=limits)


def flow(board: str, in_flight: int) -> None:
    unlimited(in_flight)
    from longtake import tasks
    from longtake.flows.storyboard import storyboard
    from longtake.prefect.parameters import FilmRun

    tasks.STEPS = timed(tasks.STEPS)
    asyncio.run(storyboard(FilmRun(board=board)))


def plain(board: str, in_flight: int) -> None:
    sys.path.append(str(Path(__file__).parent.parent / "tests" / "support"))
    from shooting import shoot

    from longtake import film, request, storyboard
    from longtake import settings as env
    from longtake.catalog import Catalog
    from longtake.take import PLAIN, obtain, open_session

    unlimited(in_flight)
    steps = timed(PLAIN)

    async def work() -> None:
        settings = env.from_environment()
        catalog = Catalog.load(settings.catalog)
        resolved = request.resolve(storyboard.draft(board), catalog)
        name = storyboard.slug(resolved.loaded.board.title)
        async with open_session(settings, catalog=catalog, film=name, budget=None) as session:
            outcomes = await shoot(session, resolved, each=lambda session, wanted: obtain(session, wanted, steps))
            errors = [str(outcome.error) for outcome in outcomes if outcome.take is None]
            assert not errors, errors
            state = await asyncio.to_thread(session.book.read)
            await asyncio.to_thread(film.join, resolved, outcomes, store=session.store, film=name, state=state)

    asyncio.run(work())


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
