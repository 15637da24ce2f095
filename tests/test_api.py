"""The public Python API in use: values in, values out, and one film against the emulator.

Read it from top to bottom as an introduction. Every name of `longtake.__all__` is in this file.
"""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from emulators import running_emulator, small_catalog

import longtake as lt
from longtake.errors import BudgetError, FilmIncompleteError

PRICE = 80
"""Credits of a shot of one second at 480p."""


@pytest.fixture
def provider(tmp_path):
    """An emulator of the provider, at a free port."""
    (tmp_path / "films").mkdir()
    catalog = small_catalog(tmp_path / "few-pixels.json")
    with running_emulator(tmp_path / "films", catalog=catalog, processing=0) as running:
        yield running


@pytest.fixture
def settings(provider, tmp_path):
    return lt.Settings(
        api_key=provider.key,
        base_url=provider.base_url,
        store=str(tmp_path / "films"),
        public_url=provider.store_url,
        catalog=tmp_path / "few-pixels.json",
    )


def storyboard(**keys):
    return lt.Storyboard(
        title="The Lighthouse Keeper",
        model="seedance-2.5",
        defaults={"resolution": "480p", "size": "16:9", "duration": 1, "generate_audio": False},
        scenes=[
            lt.Scene("dawn", [lt.Shot("rocks", "Waves break on rocks"), lt.Shot("wakes", "The keeper wakes")]),
        ],
        **keys,
    )


class Noted(lt.Observer):
    """An observer sees each event, and wraps each step."""

    def __init__(self):
        self.events: list[lt.Event] = []
        self.steps: list[lt.Step] = []

    def notify(self, event):
        self.events.append(event)

    async def around(self, step, call):
        self.steps.append(step)
        return await call()


def test_a_film_is_planned_made_and_made_again_for_nothing(settings, provider):
    noted = Noted()
    studio = lt.Studio(settings=settings, observers=[noted])

    plan = studio.plan(storyboard())
    assert isinstance(plan, lt.Plan)
    assert (plan.expected, plan.fits) == (2 * PRICE, True)
    assert [shot.to_buy for shot in plan.shots] == [1, 1]
    assert provider.posts == 0

    film = studio.make_sync(storyboard(), budget=2 * PRICE)
    assert isinstance(film, lt.Film)
    assert film.path.is_file()
    assert isinstance(film.cost, lt.Cost)
    assert film.cost.charged == 2 * PRICE
    assert all(isinstance(shot, lt.ShotResult) and shot.state == "bought" for shot in film.shots.values())
    assert isinstance(film.shots["wakes"].take, lt.Take)
    assert pickle.loads(pickle.dumps(film)) == film  # noqa: S301 - our own bytes

    assert {step.name for step in noted.steps} >= {"submit", "poll", "ingest"}
    assert all(isinstance(event, lt.Event) for event in noted.events)

    again = studio.make_sync(storyboard())
    assert (again.cost.charged, again.path) == (0, film.path)
    assert provider.posts == 2
    assert sum(line.settled for line in studio.credits()) == 2 * PRICE
    assert studio.reconcile_sync().drift == 0


def test_two_clips_become_a_film(settings):
    studio = lt.Studio(settings=settings)
    options = {"resolution": "480p", "size": "16:9", "duration": 1, "generate_audio": False}
    cat = studio.generate_sync(lt.Shot("cat", "A cat yawns", **options), model="seedance-2.5", film="cats")
    walk = lt.Shot("walk", "It walks away", **options)
    assert isinstance(cat, lt.Take)
    takes = [cat, studio.generate_sync(walk, model="seedance-2.5", film="cats", continue_from=cat)]
    assert studio.concatenate_sync(takes, title="Cats").path.is_file()


def test_a_person_is_asked_before_credits_are_spent(settings, provider):
    asked = []

    async def refuse(question):
        asked.append(question)
        return lt.Answer(approve=False, by="a test")

    board = storyboard(approval=lt.Approval(before=["spending"]))
    with pytest.raises(lt.LongtakeError):
        lt.Studio(settings=settings).make_sync(board, approve=refuse)
    (question,) = asked
    assert isinstance(question, lt.Question)
    assert question.credits == 2 * PRICE
    assert provider.posts == 0


def test_errors_are_one_tree_and_say_what_to_do_next(settings, provider):
    studio = lt.Studio(settings=settings)
    with pytest.raises(BudgetError) as small:
        studio.make_sync(storyboard(), budget=PRICE)
    assert isinstance(small.value, lt.LongtakeError)
    assert small.value.needed == 2 * PRICE
    assert small.value.next_step
    assert provider.posts == 0

    provider.fault({"where": "submit", "what": "drop-after", "match": "Waves", "times": 1})
    with pytest.raises(FilmIncompleteError) as missing:
        studio.make_sync(storyboard())
    assert missing.value.film.shots["rocks"].state == "in doubt"
    assert missing.value.film.shots["wakes"].state == "blocked"


def test_a_set_makes_a_film_for_each_row(settings, provider):
    template = {
        "schema": "longtake/1",
        "title": "The Lighthouse of {{ place }}",
        "model": "seedance-2.5",
        "defaults": {"resolution": "480p", "size": "16:9", "duration": 1, "generate_audio": False},
        "scenes": [{"id": "one", "shots": [{"id": "tower", "prompt": "The lighthouse of {{ place }}"}]}],
    }
    rows = [{"place": "skagen"}, {"place": "cordouan"}]
    film_set = lt.FilmSet("Lighthouses", storyboard=template, rows=rows, key="place", budget=2 * PRICE)
    studio = lt.Studio(settings=settings)
    planned = studio.plan_set(film_set)
    assert isinstance(planned, lt.SetPlan)
    assert planned.fits
    assert provider.posts == 0
    made = studio.make_set_sync(film_set)
    assert isinstance(made, lt.SetResult)
    assert made.whole
    assert provider.posts == 2


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
