"""The public Python API in use: values in, values out, and films against the emulator.

Read it from top to bottom as an introduction: a plan, a film, the ledger, observers, single clips, a person's approval, errors and
sets of films. Every name of `longtake.__all__` is in this file.
"""

from __future__ import annotations

import contextlib
import pickle
from pathlib import Path

import pytest
from emulators import small_catalog

import longtake as lt
from longtake.errors import BudgetError, FilmIncompleteError

PRICE = 80
"""Credits of a shot of one second at 480p."""
SMALL = {"resolution": "480p", "size": "16:9", "duration": 1, "generate_audio": False}


@pytest.fixture
def account(open_account, tmp_path):
    """A key at an emulator of the provider, and a folder for films."""
    return open_account(catalog=small_catalog(tmp_path / "few-pixels.json"))


@pytest.fixture
def studio(account):
    settings = lt.Settings(
        api_key=account.key,
        base_url=account.emulator.base_url,
        store=str(account.folder),
        public_url=account.emulator.store_url,
        catalog=account.settings.catalog,
    )
    return lt.Studio(settings=settings)


def storyboard(*, rocks="Waves break on rocks", **keys):
    """Two shots: the second begins where the first ends."""
    return lt.Storyboard(
        title="The Lighthouse Keeper",
        model="seedance-2.5",
        defaults=SMALL,
        scenes=[lt.Scene("dawn", [lt.Shot("rocks", rocks), lt.Shot("wakes", "The keeper wakes")])],
        **keys,
    )


# -- one film ------------------------------------------------------------------------------------------------------------


def test_a_plan_says_what_a_film_would_buy_and_cost_and_sends_nothing(studio, account):
    plan = studio.plan(storyboard(), budget=100)
    assert isinstance(plan, lt.Plan)
    assert [(shot.id, shot.state, shot.to_buy) for shot in plan.shots] == [
        ("rocks", "missing", 1),
        ("wakes", "blocked", 1),
    ]
    assert (plan.expected, plan.fits) == (2 * PRICE, False)
    assert account.posts == 0


def test_a_film_is_made_and_made_again_for_nothing(studio, account):
    film = studio.make_sync(storyboard(), budget=2 * PRICE)
    assert isinstance(film, lt.Film)
    assert film.path.is_file()
    assert isinstance(film.cost, lt.Cost)
    assert film.cost.charged == 2 * PRICE
    assert all(isinstance(shot, lt.ShotResult) and shot.state == "bought" for shot in film.shots.values())
    assert isinstance(film.shots["wakes"].take, lt.Take)
    assert pickle.loads(pickle.dumps(film)) == film  # noqa: S301 - our own bytes

    again = studio.make_sync(storyboard())
    assert (again.cost.charged, again.path) == (0, film.path)
    assert account.posts == 2


def test_an_edit_buys_the_edited_shot_and_says_what_became_of_the_next_one(studio):
    studio.make_sync(storyboard())
    edited = storyboard(rocks="Waves break on black rocks")
    assert studio.plan(edited, downstream="keep").expected == PRICE
    assert studio.plan(edited, downstream="cascade").expected == 2 * PRICE
    film = studio.make_sync(edited, downstream="keep")
    assert {name: shot.state for name, shot in film.shots.items()} == {"rocks": "bought", "wakes": "stale"}
    film = studio.make_sync(edited, retake=["wakes"])
    assert (film.shots["wakes"].take.take, film.cost.charged) == (2, PRICE)


# -- money ---------------------------------------------------------------------------------------------------------------


def test_the_ledger_has_a_line_for_each_film_and_agrees_with_the_provider(studio):
    film = studio.make_sync(storyboard())
    (line,) = studio.credits()
    assert (line.film, line.attempts, line.settled) == (film.name, 2, 2 * PRICE)
    assert [(line.shot, line.settled) for line in studio.credits(film.name)] == [("rocks", PRICE), ("wakes", PRICE)]
    report = studio.reconcile_sync()
    assert (report.drift, report.in_doubt) == (0, [])


def test_a_film_that_does_not_fit_its_budget_is_refused_before_anything_is_sent(studio, account):
    with pytest.raises(BudgetError) as refused:
        studio.make_sync(storyboard(), budget=PRICE)
    assert isinstance(refused.value, lt.LongtakeError)
    assert (refused.value.needed, refused.value.budget) == (2 * PRICE, PRICE)
    assert refused.value.next_step
    assert account.posts == 0


def test_an_answer_that_is_lost_is_in_doubt_and_is_not_paid_for_twice(studio, account):
    account.faults({"where": "submit", "what": "drop-after", "match": "Waves", "times": 1})
    for _ in range(2):
        with pytest.raises(FilmIncompleteError) as missing:
            studio.make_sync(storyboard())
        film = missing.value.film
        assert {name: shot.state for name, shot in film.shots.items()} == {"rocks": "in doubt", "wakes": "blocked"}
    assert account.posts == 1
    assert [line.in_doubt for line in studio.credits()] == [PRICE]


def test_a_person_is_asked_before_credits_are_spent(studio, account):
    asked = []

    async def refuse(question):
        asked.append(question)
        return lt.Answer(approve=False, by="a test")

    board = storyboard(approval=lt.Approval(before=["spending"]))
    with pytest.raises(lt.LongtakeError):
        studio.make_sync(board, approve=refuse)
    (question,) = asked
    assert isinstance(question, lt.Question)
    assert question.credits == 2 * PRICE
    assert account.posts == 0


# -- parts ---------------------------------------------------------------------------------------------------------------


def test_two_clips_become_a_film(studio):
    cat = studio.generate_sync(lt.Shot("cat", "A cat yawns", **SMALL), model="seedance-2.5", film="cats")
    assert isinstance(cat, lt.Take)
    walk = lt.Shot("walk", "It walks away", **SMALL)
    takes = [cat, studio.generate_sync(walk, model="seedance-2.5", film="cats", continue_from=cat)]
    assert studio.concatenate_sync(takes, title="Cats").path.is_file()


def test_an_observer_sees_each_event_and_wraps_each_step(studio):
    class Noted(lt.Observer):
        def __init__(self):
            self.events: list[lt.Event] = []
            self.steps: list[lt.Step] = []
            self.parts: list[lt.Part] = []

        def notify(self, event):
            self.events.append(event)

        async def around(self, step, call):
            self.steps.append(step)
            return await call()

        @contextlib.contextmanager
        def within(self, part):
            self.parts.append(part)
            yield

    noted = Noted()
    lt.Studio(settings=studio.settings, observers=[noted]).make_sync(storyboard())
    assert {step.name for step in noted.steps} >= {"upload", "submit", "poll", "ingest", "concatenate"}
    assert {event.name for event in noted.events} >= {"film.started", "attempt.accepted", "take.kept", "film.ready"}
    assert sorted(part.name for part in noted.parts) == [*["attempt"] * 2, "film", *["shot"] * 2, *["take"] * 2]


def test_a_set_makes_a_film_for_each_row(studio, account):
    template = {
        "schema": "longtake/1",
        "title": "The Lighthouse of {{ place }}",
        "model": "seedance-2.5",
        "defaults": SMALL,
        "scenes": [{"id": "one", "shots": [{"id": "tower", "prompt": "The lighthouse of {{ place }}"}]}],
    }
    rows = [{"place": "skagen"}, {"place": "cordouan"}]
    film_set = lt.FilmSet("Lighthouses", storyboard=template, rows=rows, key="place", budget=2 * PRICE)
    planned = studio.plan_set(film_set)
    assert isinstance(planned, lt.SetPlan)
    assert (planned.expected, planned.fits) == (2 * PRICE, True)
    assert account.posts == 0
    made = studio.make_set_sync(film_set)
    assert isinstance(made, lt.SetResult)
    assert made.whole
    assert account.posts == 2


# -- values --------------------------------------------------------------------------------------------------------------


def test_a_storyboard_holds_values_that_describe_cuts_and_sound():
    board = storyboard(sound=lt.Sound(loudness=-16), budget=900)
    assert (board.sound.loudness, board.budget) == (-16, 900)
    dissolve = lt.Transition(kind="dissolve", seconds=0.5)
    assert lt.Shot("wakes", "The keeper wakes", transition=dissolve).transition.seconds == 0.5
    assert lt.Budget(film=900).film == 900
    assert type(board).model_validate_json(board.model_dump_json(by_alias=True)) == board


def test_every_public_name_is_used_in_this_file():
    text = Path(__file__).read_text(encoding="utf-8")
    assert [name for name in lt.__all__ if f"lt.{name}" not in text] == []
