"""What a plan says of each shot, from the store alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from memory_store import MemoryStore
from purchases import claim, purchase
from pydantic import SecretStr
from takes import take_of

from examples import examples
from longtake import library, plan, request, storyboard
from longtake.catalog import Catalog
from longtake.ledger import Budget, Ledger, Purchase, account_of
from longtake.ledger.realm import realm_of
from longtake.library import Frame, Take, inputs
from longtake.settings import Settings

CATALOG = Catalog.load()
SETTINGS = Settings(base_url="https://reapi.example/api/v1")
BOARD = """
schema: longtake/1
title: Plan Me
model: seedance-2.5
defaults: {resolution: 480p, duration: 5}
budget: 2000
scenes:
  - id: a
    shots:
      - {id: one, prompt: "One"}
      - {id: two, prompt: "Two", duration: 8}
      - {id: three, prompt: "Three"}
  - id: b
    shots:
      - {id: four, prompt: "Four", takes: 2}
      - {id: five, prompt: "Five", continue_from: one}
"""


def resolved(text: str = BOARD):
    return request.resolve(storyboard.draft_text(text, name="b.yaml", base=Path(__file__).parent), CATALOG)


def made(board, store=None, **options):
    return plan.make(board, catalog=CATALOG, store=store, settings=SETTINGS, film="plan-me", **options)


def states(found) -> dict[str, str]:
    return {shot.id: shot.state for shot in found.shots}


def keep(store, shot, *, frame: str | None = None, take: int = 1, last: str = "f" * 64) -> Take:
    """Put a take into the store as if it had been bought."""
    last_frame = Frame(key="media/x.png", sha256=last, source="clip")
    return library.save(store, take_of(shot, take=take, frame=frame, last_frame=last_frame, film="plan-me"))


def order(shot, *, film: str = "plan-me", frame: str | None = None) -> Purchase:
    fields = {"realm": realm_of(SETTINGS.host), "digests": {}}
    return Purchase(
        film=film,
        scene=shot.scene,
        shot=shot.id,
        take=1,
        fingerprint=request.fingerprint(shot, take=1, frame=frame, **fields),
        description=request.description(shot, **fields),
        model=shot.model,
        run="r",
        expected=shot.expected.credits,
        reserve=shot.reserve.credits,
    )


def test_an_empty_store_means_everything_is_to_be_bought() -> None:
    found = made(resolved())
    assert states(found) == {
        "one": "missing",
        "two": "blocked",
        "three": "blocked",
        "four": "missing",
        "five": "blocked",
    }
    assert [shot.to_buy for shot in found.shots] == [1, 1, 1, 2, 1]
    assert (found.chains, found.longest_chain, found.longest_chain_seconds) == (2, 3, 18)
    assert found.frames == sum(24 * s + 1 for s in (5, 8, 5, 5, 5)) - 2
    assert found.planning_rates


def test_prices_are_sums_of_the_catalogs_prices() -> None:
    found = made(resolved())
    prices = {s: CATALOG.price("seedance-2.5", resolution="480p", seconds=s).credits for s in (5, 8)}
    assert [shot.expected for shot in found.shots] == [prices[5], prices[8], prices[5], 2 * prices[5], prices[5]]
    assert found.expected == 5 * prices[5] + prices[8]
    assert found.fits is (found.reserve <= 2000)


def test_current_then_missing_then_blocked() -> None:
    store, board = MemoryStore(), resolved()
    keep(store, board.shot("one"))
    assert states(made(board, store)) == {
        "one": "current",
        "two": "missing",
        "three": "blocked",
        "four": "missing",
        "five": "missing",
    }


def test_what_the_films_of_a_set_hold_counts_against_its_budget_in_all_ledgers_of_the_key() -> None:
    store = MemoryStore()
    ledgers = [Ledger(store, f"{host}-0123456789ab") for host in ("reapi.ai", "www.reapi.ai")]
    others = Ledger(store, "reapi.ai-ba9876543210")
    for ledger in (*ledgers, others):
        claim(ledger, purchase("rocks", film="lamp", set="autumn"))
        claim(ledger, purchase("sea", film="alone"))
    read = {ledger.account: ledger.read() for ledger in (*ledgers, others)}
    assert plan.view_of(read, "", payer=ledgers[0].account, film_set="autumn").used.set == 2 * 160


def test_a_take_from_an_older_frame_is_stale_and_costs_nothing_unless_renewed() -> None:
    store, board = MemoryStore(), resolved()
    keep(store, board.shot("one"), last="a" * 64)
    keep(store, board.shot("two"), frame="b" * 64)
    found = made(board, store)
    assert states(found)["two"] == "stale"
    assert {s.id: s.to_buy for s in found.shots}["two"] == 0
    assert {s.id: s.to_buy for s in made(board, store, downstream="cascade").shots}["two"] == 1


def test_one_of_two_takes_kept_leaves_one_to_buy() -> None:
    store, board = MemoryStore(), resolved()
    keep(store, board.shot("four"), take=2)
    row = next(shot for shot in made(board, store).shots if shot.id == "four")
    assert (row.state, row.to_buy) == ("missing", 1)


def test_doubts_and_running_tasks_show_and_count() -> None:
    store, board = MemoryStore(), resolved()
    ledger = Ledger(store, account_of(SETTINGS.host, "key"))
    one, four = (
        ledger.claim(order(board.shot(s)), body={}, budget=Budget(), kept=lambda: False).attempt
        for s in ("one", "four")
    )
    ledger.in_doubt(one, "lost")
    ledger.accepted(four, "task_12345678")
    found = made(board, store)
    assert (states(found)["one"], states(found)["four"]) == ("in doubt", "under way")
    assert found.in_doubt == (one.id,)
    assert found.used.film == one.order.reserve + four.order.reserve
    rows = {row.id: (row.to_buy, row.expected, row.reserve) for row in found.shots}
    assert rows["one"] == (0, 0, 0)
    assert rows["four"] == (1, four.order.expected, four.order.reserve), "the second of two takes is neither"
    assert found.reserve == sum(row[2] for row in rows.values())


def test_what_all_accounts_of_the_provider_used_of_the_film_counts() -> None:
    store, board = MemoryStore(), resolved()
    for account, film in (("key", "plan-me"), ("other", "plan-me"), ("third", "another")):
        wanted = order(board.shot("one"), film=film).model_copy(update={"fingerprint": f"of-{account}"})
        Ledger(store, account_of(SETTINGS.host, account)).claim(wanted, body={}, budget=Budget(), kept=lambda: False)
    assert made(board, store).used.film == 2 * board.shot("one").reserve.credits


def test_ledgers_of_other_providers_do_not_count() -> None:
    store, board = MemoryStore(), resolved()
    ledger = Ledger(store, account_of("127.0.0.1", "key"))
    ledger.claim(order(board.shot("one")), body={}, budget=Budget(), kept=lambda: False)
    assert made(board, store).used.film == 0
    assert states(made(board, store))["one"] == "missing"


def test_a_url_input_is_planned_by_what_it_last_served() -> None:
    text = BOARD.replace(
        '{id: one, prompt: "One"}', '{id: one, prompt: "One", first_frame: "https://example.com/x.png"}'
    )
    store, board = MemoryStore(), resolved(text)
    assert states(made(board, store))["one"] == "missing"
    inputs.remember(store, "https://example.com/x.png", "d" * 64)
    assert inputs.remembered(store, "https://example.com/x.png") == "d" * 64
    assert states(made(board, store))["one"] == "missing"
    assert "example.com" not in "".join(store.list(""))


@examples(40)
@given(st.lists(st.one_of(st.none(), st.integers(0, 11)), min_size=1, max_size=12))
def test_parents_come_first_whatever_the_order(links: list[int | None]) -> None:
    """Any forest by id: a parent may stand anywhere in the file."""
    parents = {i: p for i, p in enumerate(links) if p is not None and p < len(links)}
    for start in list(parents):
        seen, at = {start}, start
        while (at := parents.get(at)) is not None:
            if at in seen:
                parents.pop(start, None)
                break
            seen.add(at)
    shots = "".join(
        f'      - {{id: s{i}, prompt: "P", continue_from: {f"s{parents[i]}" if i in parents else "null"}}}\n'
        for i in range(len(links))
    )
    board = resolved(f"schema: longtake/1\ntitle: T\nmodel: seedance-2.5\nscenes:\n  - id: a\n    shots:\n{shots}")
    ordered = [shot.id for shot in board.parents_first()]
    assert sorted(ordered) == sorted(shot.id for shot in board.shots)
    for i, p in parents.items():
        assert ordered.index(f"s{p}") < ordered.index(f"s{i}")
    assert made(board).longest_chain >= 1


@examples(30)
@given(*[st.none() | st.integers(1, 6000)] * 3)
def test_a_plan_fits_exactly_where_a_run_would_not_be_refused(film, run, day) -> None:
    board = resolved(BOARD.replace("budget: 2000\n", f"budget: {film}\n" if film else ""))
    limits = SETTINGS.model_copy(update={"run_budget": run, "day_budget": day})
    found = plan.make(board, catalog=CATALOG, store=None, settings=limits, film="plan-me")
    assert found.budget == Budget(film=film, run=run, day=day)
    assert found.fits is (not found.refusals) is all(one is None or found.reserve <= one for one in (film, run, day))
    assert [one.scope for one in found.refusals] == [
        scope
        for scope, most in (("film", film), ("run", run), ("day", day))
        if most is not None and found.reserve > most
    ]


@pytest.mark.parametrize(("key", "today"), [("key", 80), ("other", 30), ("new", 0), (None, 80)])
def test_the_day_of_the_account_that_pays_counts(key, today) -> None:
    store, board = MemoryStore(), resolved()
    for account, credits in (("key", 80), ("other", 30)):
        wanted = order(board.shot("one"), film="another").model_copy(update={"reserve": credits, "expected": credits})
        Ledger(store, account_of(SETTINGS.host, account)).claim(wanted, body={}, budget=Budget(), kept=lambda: False)
    limits = SETTINGS.model_copy(update={"api_key": SecretStr(key) if key else None})
    found = plan.make(board, catalog=CATALOG, store=store, settings=limits, film="plan-me")
    assert (found.used.film, found.used.run, found.used.day) == (0, 0, today)


def test_the_budget_is_compared_with_what_is_reserved_to_the_credit() -> None:
    """Not with what is expected: the two are one with today's rates, so each shot is given a lower expectation here."""

    def cheaper(board):
        shots = (replace(s, expected=replace(s.expected, credits=s.expected.credits - 10)) for s in board.shots)
        return replace(board, shots=tuple(shots))

    found = made(cheaper(resolved()))
    assert (found.expected, sum(shot.expected for shot in found.shots)) == (found.reserve - 60, found.reserve - 60)
    assert found.downstream_prices == dict.fromkeys(("cascade", "bridge", "keep"), found.expected)
    for budget, fits in ((found.reserve - 1, False), (found.reserve, True)):
        again = made(cheaper(resolved(BOARD.replace("budget: 2000", f"budget: {budget}"))))
        assert (again.fits, not again.refusals) == (fits, fits)


@pytest.mark.parametrize("phase", ["intent", "accepted", "in_doubt", "completed", "settled", "refunded"])
def test_the_budget_counts_what_is_reserved_in_doubt_and_not_seen_to_be_refunded(phase) -> None:
    """Not only what was charged: each attempt holds its reserve of 100, and costs 60 where its charge is known."""
    store, board = MemoryStore(), resolved()
    ledger = Ledger(store, account_of(SETTINGS.host, "key"))
    bought = order(board.shot("one")).model_copy(update={"fingerprint": "another", "description": "another"})
    bought = bought.model_copy(update={"shot": "gone", "reserve": 100, "expected": 60})
    attempt = ledger.claim(bought, body={}, budget=Budget(), kept=lambda: False).attempt
    if phase == "in_doubt":
        ledger.in_doubt(attempt, "lost")
    elif phase != "intent":
        ledger.accepted(attempt, "task_12345678")
    if phase == "refunded":
        ledger.failed(attempt, code=80003, message="", retryable=True)
    elif phase in {"completed", "settled"}:
        ledger.completed(attempt, 60)
    if phase == "settled":
        ledger.settled(attempt, clip="0" * 64)
    held = 60 if phase in {"completed", "settled"} else 100
    needed = made(board, store).reserve + held
    for budget, scopes in ((needed - 1, ["film"]), (needed, [])):
        found = made(resolved(BOARD.replace("budget: 2000", f"budget: {budget}")), store)
        assert (found.fits, [one.scope for one in found.refusals]) == (not scopes, scopes)


def test_a_balance_that_differed_when_it_was_last_read_is_in_the_plan() -> None:
    from longtake.ledger import entries as e

    store = MemoryStore()
    ledger = Ledger(store, account_of(SETTINGS.host, "a-key"))
    for balance in (9000, 3680):
        entry = e.Balance(at=datetime(2026, 11, 26, 12, 0, tzinfo=UTC), by="me", balance=balance)
        ledger.log.append(lambda _, entry=entry: entry)
    found = made(resolved(), store)
    said = "the balance differs from the ledger by −5,320 credits since 2026-11-26 12:00:00 UTC"
    assert [note.partition(",")[0] for note in found.notes] == [said.partition(",")[0]]
    assert found.notes[0].startswith(f"{said}, as it was last read")
    assert "differs from the ledger" in str(found)
    ledger.adjust(-5320, who="me", why="spent on the site")
    assert made(resolved(), store).notes == ()
