"""What a user writes, with types: never run, only checked. `assert_type` says what a checker must infer."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, assert_type

from prefect import flow, unmapped
from pydantic import SecretStr

import longtake as lt
from longtake.blocks import ArtifactStore, ReapiCredentials
from longtake.errors import BudgetError, FilmIncompleteError, InDoubtError
from longtake.flows import reconcile, storyboard
from longtake.studio import ClipRequest, FinishedTask, Submission
from longtake.tasks import concatenate, generate, ingest, poll, submit, upload

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

Result = TypeVar("Result")

board = lt.Storyboard(
    title="Lighthouse",
    model="seedance-2.5",
    defaults={"resolution": "480p", "duration": 4},
    budget=9000,
    references={"keeper": Path("keeper.png")},
    scenes=[
        lt.Scene("dawn", [lt.Shot("rocks", "Waves break"), lt.Shot("wakes", "The keeper wakes", duration=8)]),
        lt.Scene("storm", (lt.Shot("lamp", "A lamp", takes=2),), transition={"kind": "crossfade", "seconds": 0.5}),
    ],
)


class Watch(lt.Observer):
    """An observer of one's own."""

    def notify(self, event: lt.Event) -> None:
        print(event.name, event.data.get("credits"))

    async def around(self, step: lt.Step, call: Callable[[], Awaitable[Result]]) -> Result:
        print(step.name, step.label)
        return await call()


async def approve(question: lt.Question) -> lt.Answer | None:
    """A person's answer."""
    return lt.Answer(approve=question.credits < 500, credits=question.credits, by="me")


def script() -> lt.Film | None:
    """A script without an engine."""
    studio = lt.Studio.from_env(store="films", observers=[Watch()])
    plan = studio.plan(board, retake=["rocks"], downstream="cascade", budget=10)
    assert_type(plan, lt.Plan)
    assert_type(plan.budget, lt.Budget)
    try:
        film = studio.make_sync(
            board, budget=9000, retake=["wakes"], approval=lt.Approval(before=["spending"]), approve=approve
        )
    except BudgetError as error:
        print(error.needed, error.available)
        return None
    except FilmIncompleteError as error:
        print(error.film, error.next_step)
        return None
    except InDoubtError as error:
        print(error.attempt)
        return None
    assert_type(film, lt.Film)
    assert_type(film.path, Path | None)
    assert_type(film.cost, lt.Cost)
    assert_type(film.shots["wakes"], lt.ShotResult)
    before = film.shots["wakes"].take
    assert_type(before, lt.Take | None)
    one = studio.generate_sync(lt.Shot("one", "A cat yawns"), model="seedance-2.5", continue_from=before)
    assert_type(one, lt.Take)
    print(one.clip.seconds, [line.settled for line in studio.credits()], studio.reconcile_sync().balance)
    return studio.concatenate_sync([one], title="Cats")


async def with_blocks() -> lt.Film:
    """Blocks for a studio, awaited."""
    credentials = ReapiCredentials(api_key=SecretStr(os.environ["KEY"]), day_budget=10_000)
    studio = lt.Studio(credentials, ArtifactStore(uri="s3://films/longtake"), settings=lt.Settings(max_in_flight=2))
    films = await asyncio.gather(studio.make("one.yaml"), studio.make({"title": "Two"}))
    assert_type(films, tuple[lt.Film, lt.Film])
    return films[0]


@flow
async def awaited(credentials: ReapiCredentials, store: ArtifactStore) -> lt.Film:
    """Every task awaited, and a film's flow as a subflow."""
    request = await upload(lt.Shot("a", "A"), model="seedance-2.5", credentials=credentials, store=store)
    assert_type(request, ClipRequest)
    purchase = await submit(request, credentials=credentials, store=store, budget=10)
    assert_type(purchase, Submission)
    generation = await poll(purchase, credentials=credentials, store=store)
    assert_type(generation, FinishedTask)
    take = await ingest(generation, credentials=credentials, store=store)
    assert_type(take, lt.Take)
    several = await asyncio.gather(generate(lt.Shot("b", "B")), generate(lt.Shot("c", "C"), continue_from=take))
    assert_type(several, tuple[lt.Take, lt.Take])
    made = await storyboard(board, credentials=credentials, store=store, budget=10, retake=("a",), downstream="keep")
    assert_type(made, lt.Film)
    print(await reconcile(credentials, store))
    return await concatenate([take, *several], title="All", store=store)


@flow
def called(credentials: ReapiCredentials, store: ArtifactStore) -> lt.Film:
    """A sync flow: calls give results, futures give them later."""
    shots = [lt.Shot("a", "A"), lt.Shot("b", "B")]
    takes = generate.map(shots, credentials=unmapped(credentials), store=unmapped(store)).result()
    assert_type(takes, list[lt.Take])
    future = generate.with_options(retries=0).submit(lt.Shot("c", "C"), credentials=credentials, store=store)
    last = future.result()
    assert_type(last, lt.Take)
    first: lt.Take = generate(lt.Shot("d", "D", resolution="480p"), credentials=credentials, store=store)
    return concatenate([first, *takes, last], title="All", store=store)
