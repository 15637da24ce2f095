"""Housekeeping at its most greedy beside a run that buys, fetches and keeps: nothing that was paid for is lost."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from shooting import shoot

from longtake import film as films
from longtake import housekeeping
from longtake import plan as plans


@pytest.mark.slow
def test_a_film_made_while_housekeeping_never_stops_is_whole(open_account, write_board):
    account = open_account(text=write_board("one: A harbor, two: A boat", "three: A gull, four: A cloud"))
    named = {"store": account.store, "film": "a-small-film"}

    async def make() -> films.Film:
        async with account.session(film="a-small-film") as session:
            outcomes = await shoot(session, account.resolve())
            state = session.ledger.read()
            return await asyncio.to_thread(films.join, account.resolve(), outcomes, state=state, **named)

    async def tidy(making: asyncio.Task) -> int:
        rounds = 0
        while not making.done():
            found = await asyncio.to_thread(housekeeping.survey, account.store, older_than=timedelta(0))
            await asyncio.to_thread(housekeeping.clear, account.store, found)
            rounds += 1
        return rounds

    async def both():
        making = asyncio.create_task(make())
        return await tidy(making), await making

    rounds, film = asyncio.run(both())
    again = plans.make(account.resolve(), catalog=account.catalog, settings=account.settings, **named)
    assert rounds > 5
    assert (again.expected, {shot.state for shot in again.shots}) == (0, {"current"})
    # The film itself may have been taken away before its manifest was there: it comes back for nothing.
    assert films.rebuild(film.manifest, account.store).same
