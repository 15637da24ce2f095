"""From `Studio.make` to the paid POST, calls go downwards only: studio, take, provider."""

from __future__ import annotations

import asyncio

from calls import downwards, noting_posts

from longtake import Studio


def test_from_make_to_the_post(account):
    studio = Studio.from_env()

    async def main():
        with noting_posts() as seen:
            await studio.make(account.board("first"))
        return seen

    (calls,) = asyncio.run(main())
    print("\n".join(calls))  # noqa: T201 - shown with `pytest -s`
    assert downwards(calls) == [
        "longtake.studio.studio",
        "longtake.studio.film_run",
        "longtake.studio.shooting",
        "longtake.take.ensure_shot",
        "longtake.take.ensure_take",
        "longtake.take.submit",
        "longtake.provider.client",
    ]


def test_from_generate_to_the_post(account):
    studio = Studio.from_env()

    async def main():
        with noting_posts() as seen:
            await studio.generate(account.shot())
        return seen

    (calls,) = asyncio.run(main())
    print("\n".join(calls))  # noqa: T201 - shown with `pytest -s`
    assert downwards(calls) == [
        "longtake.studio.studio",
        "longtake.studio.clips",
        "longtake.take.ensure_take",
        "longtake.take.submit",
        "longtake.provider.client",
    ]
