"""Housekeeping at its most greedy beside a run that buys, fetches and keeps: nothing that was paid for is lost."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from longtake import emulator, housekeeping, library, plan, request, storyboard
from longtake import film as films
from longtake import store as stores
from longtake.catalog import Catalog
from longtake.plan import Comparison
from longtake.report import ShotOutcome
from longtake.settings import Settings
from longtake.take import ensure_shot, open_session

KEY = "key-of-the-housekeeping-tests"


@pytest.mark.slow
def test_a_film_made_while_housekeeping_never_stops_is_whole(tmp_path, write_board):
    folder, catalog = tmp_path / "store", Catalog.load()
    folder.mkdir()
    config = emulator.Config(keys=(KEY,), processing=0, balance=50_000, speed="ultrafast", public=folder)
    with emulator.running(config) as place:
        settings = Settings(api_key=KEY, base_url=place.base_url, store=str(folder), public_url=place.store_url)
        store = stores.of(settings)
        text = write_board("one: A harbor, two: A boat", "three: A gull, four: A cloud")
        resolved = request.resolve(storyboard.draft_text(text, name="board.yaml", base=tmp_path), catalog)

        async def make() -> films.Film:
            async with open_session(settings, catalog=catalog, film="a-small-film", budget=None) as session:
                take_library = library.read_holdings(store, session.film)
                comparison = Comparison(resolved, take_library, catalog=catalog, realm=settings.realm).running()
                done: dict[str, asyncio.Task] = {}

                async def shoot(shot):
                    parent = (await done[shot.parent]).status if shot.parent else None
                    return await ensure_shot(session, comparison, shot, parent)

                for shot in resolved.parents_first():
                    done[shot.id] = asyncio.create_task(shoot(shot))
                statuses = [(await done[shot.id]).status for shot in resolved.shots]
                outcomes = [ShotOutcome(one.shot, "bought", one.used, one.kept) for one in statuses]
                state = session.ledger.read()
                return await asyncio.to_thread(
                    films.join, resolved, outcomes, store=store, film=session.film, state=state
                )

        async def tidy(making: asyncio.Task) -> int:
            rounds = 0
            while not making.done():
                found = await asyncio.to_thread(housekeeping.survey, store, older_than=timedelta(0))
                await asyncio.to_thread(housekeeping.clear, store, found)
                rounds += 1
            return rounds

        async def both():
            making = asyncio.create_task(make())
            return await tidy(making), await making

        rounds, film = asyncio.run(both())
        again = plan.make(resolved, catalog=catalog, store=store, settings=settings, film="a-small-film")
    assert rounds > 5
    assert (again.expected, {shot.state for shot in again.shots}) == (0, {"current"})
    # The film itself may have been taken away before its manifest was there: it comes back for nothing.
    assert films.rebuild(film.manifest, store).same
