"""How many requests a film costs that has everything: the same whatever its length, but for pages of listings."""

from __future__ import annotations

import asyncio

import bought
import pytest
from counting import Counting
from shooting import shoot

from longtake import emulator, library, plan, request, storyboard
from longtake import film as films
from longtake import store as stores
from longtake.catalog import Catalog
from longtake.ledger import CHECKPOINT_EVERY, accounts
from longtake.library import inputs
from longtake.settings import Settings
from longtake.take import open_session

KEY = "key-of-the-record-tests"
ENTRIES = 4
"""Of the ledger for a take; whole checkpoints of them, so that as many lie behind the last one in each film."""
SHORT, LONG = CHECKPOINT_EVERY // ENTRIES, 3 * CHECKPOINT_EVERY // ENTRIES
SLUG = "a-long-film"


@pytest.fixture(scope="module")
def provider():
    with emulator.running(emulator.Config(keys=(KEY,))) as place:
        yield place.base_url


@pytest.fixture
def counting(ministack_server):
    between = Counting(ministack_server)
    yield between
    between.close()


@pytest.fixture(scope="module")
def settings(provider):
    return Settings(api_key=KEY, base_url=provider)


@pytest.fixture(scope="module")
def bought_films(settings, tmp_path_factory):
    """Films of both lengths in folders, all bought."""
    found = {}
    for shots in (SHORT, LONG):
        found[shots] = stores.open(str(tmp_path_factory.mktemp("films")))
        bought.buy(bought.board(shots, chain=4), found[shots], settings)
    return found


@pytest.fixture
def film_of(settings, bought_films, strict_bucket, counting, aws):
    """The settings for a film of so many shots in a bucket of which every request is counted."""

    def make(shots: int):
        place = settings.model_copy(update={"store": f"s3://{strict_bucket}/{shots}"})
        bought.copy(bought_films[shots], stores.of(place))
        counting.reset()
        return place

    aws.setenv("AWS_ENDPOINT_URL", counting.url)
    return make


def resolved(shots: int):
    return request.resolve(storyboard.parse(bought.board(shots, chain=4), name="board", base=None), Catalog.load())


def plan_of(settings, shots: int):
    return plan.make(resolved(shots), catalog=Catalog.load(), store=stores.of(settings), settings=settings, film=SLUG)


def run(settings, shots: int):
    async def work():
        async with open_session(settings, catalog=Catalog.load(), film=SLUG, budget=None) as session:
            board = resolved(shots)
            outcomes = await shoot(session, board)
            state = session.ledger.read()
            film = films.join(board, outcomes, store=session.store, film=SLUG, state=state)
            known = library.read_holdings(session.store, SLUG).snapshot.sums
            return film, accounts.by_shot(session.ledger, SLUG, known)[0]

    return asyncio.run(work())


@pytest.mark.slow
def test_a_plan_of_a_longer_film_makes_no_more_requests(film_of, counting):
    kinds = {}
    for shots in (SHORT, LONG):
        settings = film_of(shots)
        found = plan_of(settings, shots)
        assert (found.expected, found.joined) == (0, "there")
        assert counting.of_objects("takes/", "media/") == []
        kinds[shots] = counting.kinds()
    assert kinds[SHORT] == kinds[LONG]


@pytest.mark.slow
def test_a_run_with_nothing_to_do_makes_no_more_requests_for_a_longer_film(film_of, counting):
    kinds = {}
    for shots in (SHORT, LONG):
        settings = film_of(shots)
        run(settings, shots)  # reads what the film has cost, and leaves it for the next
        counting.reset()
        film, lines = run(settings, shots)
        assert not film.made
        assert (len(lines), sum(line.attempts for line in lines)) == (shots, shots)
        assert counting.of_objects("takes/", "media/") == []
        kinds[shots] = counting.kinds()
    assert kinds[SHORT] == kinds[LONG]


def test_without_a_snapshot_each_take_is_read_once_and_the_plan_is_the_same(film_of, counting):
    settings = film_of(SHORT)
    store = stores.of(settings)
    before = plan_of(settings, SHORT)
    for key in store.list(f"films/{SLUG}/state/"):
        remove(store, key)
    counting.reset()
    assert plan_of(settings, SHORT) == before.model_copy(update={"removed": ()})
    assert len(counting.of_objects("takes/")) == SHORT


def test_inputs_given_as_urls_are_recalled_all_at_once(settings, strict_bucket, counting, aws):
    kinds = {}
    for shots in (3, 9):
        place = settings.model_copy(update={"store": f"s3://{strict_bucket}/{shots}"})
        lines = ["schema: longtake/1", "title: A Long Film", "model: seedance-2.5", "scenes:"]
        for number in range(shots):
            url = f"https://films.example/{number}.png"
            inputs.remember(stores.of(place), url, f"{number:064x}")
            lines.append(f"  - {{id: s{number}, shots: [{{id: a{number}, prompt: A pier, first_frame: '{url}'}}]}}")
        board = request.resolve(storyboard.parse("\n".join(lines), name="board", base=None), Catalog.load())
        aws.setenv("AWS_ENDPOINT_URL", counting.url)
        counting.reset()
        found = plan.make(board, catalog=Catalog.load(), store=stores.of(place), settings=place, film=SLUG)
        assert {str(reason) for shot in found.shots for reason in shot.reasons} == {"new"}
        kinds[shots] = counting.kinds()
    assert kinds[3] == kinds[9]


def remove(store, key: str) -> None:
    from longtake.store import s3client

    bucket, _, prefix = store.uri.removeprefix("s3://").partition("/")
    s3client.client(bucket).delete_object(Bucket=bucket, Key=f"{prefix}/{key}")
