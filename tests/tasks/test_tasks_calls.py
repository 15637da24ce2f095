"""From the flow and from a user's flow to the paid POST, calls go downwards only; Prefect's observer is called around a step."""

from __future__ import annotations

import asyncio

from calls import downwards, noting_posts
from prefect import flow

from longtake import flows, tasks

BELOW = ["longtake.take.submit", "longtake.provider.client"]


def posted(work):
    """The calls that led to the one POST."""

    async def main():
        with noting_posts() as seen:
            await work()
        return seen

    (calls,) = asyncio.run(main())
    print("\n".join(calls))  # noqa: T201 - shown with `pytest -s`
    return calls


def test_from_the_flow_to_the_post(account, blocks):
    calls = posted(lambda: flows.storyboard(account.board("first"), **blocks))
    assert downwards(calls) == [
        "longtake.flows.storyboard",
        "longtake.studio.studio",
        "longtake.studio.film_run",
        "longtake.studio.shooting",
        "longtake.take.ensure_shot",
        "longtake.take.ensure_take",
        *BELOW,
    ]
    assert account.bought() == {"first": 1}


def test_from_a_user_s_flow_to_the_post(account, blocks):
    @flow
    async def mine():
        return await tasks.generate(account.shot(), **blocks)

    calls = posted(mine)
    assert downwards(calls) == ["longtake.tasks.generate", "longtake.studio.clips", "longtake.take.ensure_take", *BELOW]


def test_from_a_user_s_flow_in_steps_to_the_post(account, blocks):
    @flow
    async def mine():
        return await tasks.submit(await tasks.upload(account.shot(), **blocks), **blocks)

    calls = posted(mine)
    assert downwards(calls) == ["longtake.tasks.submit", "longtake.studio.clips", *BELOW]
