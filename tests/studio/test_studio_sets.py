"""Film sets are made: films side by side, each take bought once, one budget for all, and results for each row."""

from __future__ import annotations

import asyncio
import csv
import hashlib
import json
import pickle
from datetime import timedelta
from pathlib import Path

import pytest
from accounts import PRICE
from purchases import claim

from longtake import Answer, FilmSet, Observer, Studio, housekeeping
from longtake import store as stores
from longtake.errors import BudgetError, SettingsError, StoryboardError
from longtake.take import ledger_of

TEMPLATE = {
    "schema": "longtake/1",
    "title": "Film {{ sku }}",
    "model": "seedance-2.5",
    "defaults": {"resolution": "480p", "size": "16:9", "duration": 1, "generate_audio": False},
    "scenes": [
        {
            "id": "s",
            "shots": [
                {"id": "own", "prompt": "{{ marker }} {{ name }}, wide shot"},
                {"id": "logo", "prompt": "{{ marker }} logo, close", "continue_from": None},
            ],
        }
    ],
}


@pytest.fixture
def film_set(account):
    def make(*names, **keys):
        rows = [{"sku": f"k{i}", "name": name, "marker": account.marker} for i, name in enumerate(names)]
        return FilmSet(keys.pop("title", "Autumn"), storyboard=TEMPLATE, rows=rows, key="sku", **keys)

    return make


def results(result):
    with Path(result.place).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_each_film_is_made_and_a_shared_take_is_bought_once(account, studio, film_set):
    result = studio.make_set_sync(film_set("lamp", "chair", "sofa", labels=["name"]))
    assert [(film.key, film.state) for film in result.films] == [("k0", "whole"), ("k1", "whole"), ("k2", "whole")]
    assert account.bought() == {"lamp": 1, "chair": 1, "sofa": 1, "logo": 1}
    assert (result.charged, result.whole, result.exit_code) == (4 * PRICE, True, 0)
    assert sum(film.charged for film in result.films) == 4 * PRICE
    rows = results(result)
    assert [(row["key"], row["state"], row["label_name"]) for row in rows] == [
        ("k0", "whole", "lamp"),
        ("k1", "whole", "chair"),
        ("k2", "whole", "sofa"),
    ]
    assert pickle.loads(pickle.dumps(result)) == result  # noqa: S301 - our own


def test_the_same_set_again_buys_nothing_and_one_changed_row_buys_its_difference(account, studio, film_set):
    studio.make_set_sync(film_set("lamp", "chair"))
    posts = account.received()
    again = studio.make_set_sync(film_set("lamp", "chair"))
    assert (again.charged, account.received()) == (0, posts)
    assert studio.plan_set(film_set("lamp", "chair")).to_buy == 0
    changed = studio.make_set_sync(film_set("lamp", "bench"))
    assert changed.charged == PRICE
    assert account.received() == posts + 1


def test_a_removed_row_deletes_nothing_and_is_reported(account, studio, film_set):
    first = studio.make_set_sync(film_set("lamp", "chair"))
    second = studio.make_set_sync(film_set("lamp"))
    third = studio.make_set_sync(film_set("lamp"))
    assert (second.removed, third.removed) == (("k1",), ("k1",))
    assert (account.folder / "films" / "film-k1").is_dir()
    assert first.films[1].place is not None


def test_a_film_that_fails_stops_no_other_and_can_be_made_again(account, studio, film_set):
    account.fault({"what": "fail-80006"}, shot="chair")
    result = studio.make_set_sync(film_set("lamp", "chair", "sofa"))
    assert [film.state for film in result.films] == ["whole", "incomplete", "whole"]
    assert (result.exit_code, "80006" in result.films[1].error) == (1, True)
    failed = account.folder / "sets" / "autumn"
    (table,) = failed.rglob("failed.csv")
    assert table.read_text().splitlines()[1].startswith("k1,chair,")
    again = studio.make_set_sync(film_set("lamp", "chair", "sofa"))
    assert (again.whole, again.charged) == (True, PRICE)


def test_a_set_that_does_not_fit_its_budget_buys_nothing(account, studio, film_set):
    before = account.received()
    with pytest.raises(BudgetError) as raised:
        studio.make_set_sync(film_set("lamp", "chair", budget=2 * PRICE))
    assert (raised.value.scope, raised.value.needed, raised.value.available) == ("set", 3 * PRICE, 2 * PRICE)
    with pytest.raises(BudgetError, match="the run budget of"):
        studio.make_set_sync(film_set("lamp", "chair"), budget=2 * PRICE)
    assert account.received() == before


def test_the_budget_of_a_set_holds_over_runs(account, studio, film_set):
    studio.make_set_sync(film_set("lamp", "chair", budget=4 * PRICE))
    plan = studio.plan_set(film_set("lamp", "chair", "sofa", "desk", budget=4 * PRICE))
    assert (plan.used, plan.refusals[0].available) == (3 * PRICE, PRICE)
    with pytest.raises(BudgetError):
        studio.make_set_sync(film_set("lamp", "chair", "sofa", "desk", budget=4 * PRICE))
    assert studio.make_set_sync(film_set("lamp", "chair", "sofa", budget=4 * PRICE)).charged == PRICE


def test_a_set_reads_the_balance_before_it_is_refused_for_refunds_alone(account, studio, film_set):
    studio.make_set_sync(film_set("lamp", budget=3 * PRICE))
    ledger = ledger_of(studio.settings, stores.of(studio.settings))
    failed = claim(ledger, "fog", credits=PRICE, set="autumn").attempt
    ledger.accepted(failed, "task-of-fog")
    ledger.failed(failed, code=80003, message="", retryable=True)
    wanted = film_set("lamp", "chair", budget=3 * PRICE)
    (refusal,) = studio.plan_set(wanted).refusals
    assert (refusal.scope, refusal.refunds) == ("set", PRICE)
    assert studio.make_set_sync(wanted).whole


def left_at_work(ledger, **order):
    """A task that failed and whose refund no balance has shown, and one that hides it: both of a run that goes on elsewhere."""
    failed, open_ = (claim(ledger, name, credits=PRICE, **order).attempt for name in ("fog", "sea"))
    ledger.accepted(failed, "task-of-fog")
    ledger.failed(failed, code=80003, message="", retryable=True)
    ledger.accepted(open_, "task-of-sea")
    return open_


def test_a_set_is_not_refused_for_refunds_that_tasks_under_way_hide(account, film_set):
    """It buys what fits; what does not fit waits until the last task of the other run has ended and the balance can be read."""

    class Waiting(Observer):
        def notify(self, event):
            if "waits for the balance" in event.text:
                # The other run's task fails, too: now the balance shows both refunds.
                ledger.failed(hides, code=80003, message="", retryable=True)

    studio = Studio.from_env(observers=[Waiting()])
    studio.make_set_sync(film_set("lamp", budget=5 * PRICE))
    ledger = ledger_of(studio.settings, stores.of(studio.settings))
    hides = left_at_work(ledger, set="autumn")
    wanted = film_set("lamp", "chair", "sofa", budget=5 * PRICE)
    (refusal,) = studio.plan_set(wanted).refusals
    assert (refusal.available, refusal.needed, refusal.due) == (PRICE, 2 * PRICE, PRICE)
    assert studio.make_set_sync(wanted).whole
    assert account.bought() == {"lamp": 1, "chair": 1, "sofa": 1, "logo": 1}


def test_a_film_is_not_refused_for_refunds_that_tasks_under_way_hide(account):
    class Waiting(Observer):
        def notify(self, event):
            if "waits for the balance" in event.text:
                ledger.failed(hides, code=80003, message="", retryable=True)

    studio = Studio.from_env(observers=[Waiting()])
    studio.make_sync(account.board("waves"))
    ledger = ledger_of(studio.settings, stores.of(studio.settings))
    hides = left_at_work(ledger, film="a-film")
    studio.make_sync(account.board("waves", "gulls", budget=3 * PRICE))
    assert account.bought() == {"waves": 1, "gulls": 1}


def test_the_budget_of_a_run_counts_what_its_id_has_spent(account, studio, film_set):
    studio.make_set_sync(film_set("lamp"), run="nightly", budget=3 * PRICE)
    (refusal,) = studio.plan_set(film_set("lamp", "chair", "sofa"), run="nightly", budget=3 * PRICE).refusals
    assert (refusal.scope, refusal.needed, refusal.available) == ("run", 2 * PRICE, PRICE)
    with pytest.raises(BudgetError) as raised:
        studio.make_set_sync(film_set("lamp", "chair", "sofa"), run="nightly", budget=3 * PRICE)
    assert (raised.value.scope, raised.value.needed, raised.value.available) == ("run", 2 * PRICE, PRICE)
    # A run that comes back accounts for what it bought before, too.
    assert studio.make_set_sync(film_set("lamp", "chair"), run="nightly", budget=3 * PRICE).charged == 3 * PRICE
    assert account.bought() == {"lamp": 1, "chair": 1, "logo": 1}
    (refusal,) = studio.plan(account.board("waves"), run="nightly", budget=3 * PRICE).refusals
    assert (refusal.scope, refusal.available) == ("run", 0)


def test_what_was_bought_is_fetched_although_the_set_does_not_fit_any_more(account, film_set):
    class Accepted(Observer):
        def notify(self, event):
            if event.name == "attempt.accepted":
                accepted.append(event)
                running[0].cancel()

    accepted, running = [], []
    studio = Studio.from_env(observers=[Accepted()])

    async def cut_short():
        running.append(asyncio.ensure_future(studio.make_set(film_set("lamp", budget=2 * PRICE))))
        with pytest.raises(asyncio.CancelledError):
            await running[0]

    asyncio.run(cut_short())
    bought = account.bought()
    assert accepted
    with pytest.raises(BudgetError):
        Studio.from_env().make_set_sync(film_set("lamp", "chair", "sofa", budget=2 * PRICE))
    assert account.bought() == bought
    state = account.ledger.read()
    assert (state.attempts, state.sets) == ({}, {"autumn": len(bought) * PRICE})


def test_a_template_that_asks_for_each_film_is_refused(account, studio, film_set):
    template = {**TEMPLATE, "approval": {"before": ["spending"]}}
    rows = [{"sku": "k0", "name": "lamp", "marker": account.marker}]
    with pytest.raises(StoryboardError) as raised:
        studio.make_set_sync(FilmSet("Autumn", storyboard=template, rows=rows, key="sku"))
    assert "the template asks before it spends" in str(raised.value)


def test_the_ledger_keeps_the_set_and_the_labels_of_each_purchase(account, studio, film_set):
    studio.make_set_sync(film_set("lamp", labels=["name"]))
    intents = [json.loads(path.read_text()) for path in sorted((account.folder / "ledger").rglob("0*.json"))]
    orders = [entry["order"] for entry in intents if entry["kind"] == "intent"]
    assert {(order["set"], tuple(order["labels"].items())) for order in orders} == {("autumn", (("name", "lamp"),))}
    assert [(line.label, line.settled) for line in studio.credits(by="name")] == [("lamp", 2 * PRICE)]
    assert [line.label for line in studio.credits(by="campaign")] == ["(none)"]
    state = account.ledger.read()
    assert (state.sets, state.used(film="", run="", day="2026-01-01", film_set="autumn").set) == (
        {"autumn": 2 * PRICE},
        2 * PRICE,
    )


def test_a_person_sees_the_first_films_before_the_rest_is_bought(account, studio, film_set):
    asked = []

    async def approve(question):
        asked.append((question, account.bought()))
        return Answer(approve=True)

    result = studio.make_set_sync(film_set("lamp", "chair", "sofa", canary=1), approve=approve)
    ((question, bought),) = asked
    assert bought == {"lamp": 1, "logo": 1}
    assert (question.subject, question.credits) == ("the rest", 4 * PRICE)
    assert f"the rest takes about {4 * PRICE} credits" in question.text
    assert f"{2 * PRICE} credits are to be reserved for 2 films" in question.text
    assert result.whole


@pytest.mark.parametrize("answer", [None, Answer(approve=False, by="Ada")])
def test_without_a_yes_the_rest_is_not_begun(account, studio, film_set, answer):
    async def approve(question):
        return answer

    result = studio.make_set_sync(film_set("lamp", "chair", canary=1), approve=approve)
    assert [film.state for film in result.films] == ["whole", "not started"]
    assert (result.exit_code, result.stopped) == (3, result.films[1].error)
    assert account.bought() == {"lamp": 1, "logo": 1}


def test_a_set_that_asks_needs_someone_to_ask(account, studio, film_set):
    before = account.received()
    with pytest.raises(SettingsError, match="no approver is given"):
        studio.make_set_sync(film_set("lamp", canary=1))
    assert account.received() == before


@pytest.mark.slow
def test_two_runs_of_one_set_share_their_films(account, studio, film_set):
    async def both():
        given = film_set("lamp", "chair", "sofa")
        return await asyncio.gather(studio.make_set(given), studio.make_set(given))

    one, other = asyncio.run(both())
    assert (one.whole, other.whole) == (True, True)
    assert account.bought() == {"lamp": 1, "chair": 1, "sofa": 1, "logo": 1}


def test_a_cancelled_run_leaves_results_and_the_next_one_buys_the_rest(account, film_set):
    account.fault({"what": "slow", "seconds": 3600}, shot="sofa")

    class FirstFilm(Observer):
        def notify(self, event):
            if event.name == "set.film":
                done.set()

    done = asyncio.Event()
    studio = Studio.from_env(observers=[FirstFilm()])

    async def cut_short():
        running = asyncio.create_task(studio.make_set(film_set("lamp", "chair", films_in_flight=1)))
        await done.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(cut_short())
    (table,) = (account.folder / "sets" / "autumn").rglob("results.csv")
    assert next(csv.DictReader(table.open(encoding="utf-8")))["state"] == "whole"
    assert studio.make_set_sync(film_set("lamp", "chair")).whole
    assert account.bought() == {"lamp": 1, "chair": 1, "logo": 1}


def test_films_that_wait_for_a_shared_take_hold_no_slot_and_a_cancelled_set_says_what_each_has_cost(
    account, film_set, monkeypatch
):
    account.fault({"what": "slow", "seconds": 3600}, shot="logo")
    monkeypatch.setenv("LONGTAKE_MAX_IN_FLIGHT", "2")

    class Kept(Observer):
        def notify(self, event):
            if event.name == "take.kept":
                kept.append(event.film)
            if len(kept) == 4:
                done.set()

    kept, done = [], asyncio.Event()
    given = film_set("lamp", "chair", "sofa", "desk")

    async def cut_short():
        running = asyncio.create_task(Studio.from_env(observers=[Kept()]).make_set(given))
        async with asyncio.timeout(100):
            await done.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(cut_short())
    assert account.bought() == {"lamp": 1, "chair": 1, "sofa": 1, "desk": 1, "logo": 1}
    (table,) = (account.folder / "sets" / "autumn").rglob("results.csv")
    rows = list(csv.DictReader(table.open(encoding="utf-8")))
    assert [(row["state"], row["charged"]) for row in rows] == [("incomplete", str(PRICE))] * 4


def test_a_shared_take_that_failed_is_missing_in_each_film_and_costs_nothing(account, studio, film_set):
    # A film that begins after the failure asks for it again.
    account.fault({"what": "fail-80006", "times": 3}, shot="logo")
    result = studio.make_set_sync(film_set("lamp", "chair", "sofa"))
    assert result.charged - result.refunded == 3 * PRICE
    assert [film.state for film in result.films] == ["incomplete"] * 3
    assert all("80006" in film.error for film in result.films)


@pytest.mark.slow
def test_housekeeping_takes_nothing_that_a_film_of_a_set_needs(account, studio, film_set):
    account.fault({"what": "fail-80006"}, shot="chair")
    given = film_set("lamp", "chair", "sofa")
    studio.make_set_sync(given)
    store = stores.of(studio.settings)
    picture = f"media/{hashlib.sha256(b'picture').hexdigest()}.png"
    store.put_if_absent(picture, b"picture")
    bundle = json.dumps({"files": {"a.png": picture}}).encode()
    store.put_if_absent(f"boards/{hashlib.sha256(bundle).hexdigest()}.json", bundle)
    before = {key for key in store.list("") if key.startswith(("sets/", "boards/", "takes/"))}
    housekeeping.clear(store, housekeeping.survey(store, older_than=timedelta(0)))
    assert before <= set(store.list(""))
    assert store.head(picture) is not None
    plan = studio.plan_set(given)
    assert [film.state for film in plan.films] == ["current", "to make", "current"]
    assert plan.to_buy == 1
    assert studio.make_set_sync(given).charged == PRICE
