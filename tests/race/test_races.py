"""Many real processes, one account: charges equal takes, budgets hold at every entry, and the dead hold nobody up."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from longtake import store as stores
from longtake.errors import InDoubtError
from longtake.ledger import Budget, Ledger, LedgerState, fold

pytestmark = pytest.mark.timeout(600)
WORKER = Path(__file__).with_name("worker.py")
CHAINS = {"dawn": {"rocks": {}, "tower": {}, "lamp": {"duration": 2}}, "storm": {"ship": {"takes": 2}, "beam": {}}}


def check(place, results, takes):
    """Every process has the same film, everything was charged once, and the ledger is the provider's books."""
    films = [{name: told.get("take") for name, told in result.items()} for result in results]
    assert all(films[0].values()), results[0]
    assert films == [films[0]] * len(films), "two processes have different films"
    books, state = place.books(), place.ledger.read()
    debits = [entry for entry in books["entries"] if entry["kind"] == "debit"]
    assert len(films[0]) == len(debits) == books["posts"]["received"] == takes
    assert {entry["task"] for entry in debits} == {take["task"] for take in films[0].values()}
    assert state.attempts == {}
    assert state.debits - state.refunds == sum(entry["credits"] for entry in debits)
    assert state.films == {"the-race": state.debits}
    kinds = [entry.kind for _, entry in place.ledger.log.entries()]
    assert [kinds.count(kind) for kind in ("intent", "accepted", "completed", "settled")] == [takes] * 4
    assert not {"in_doubt", "not_sent", "refused"} & set(kinds)


@pytest.mark.slow
def test_eight_processes_that_want_one_film_pay_for_it_once(arena) -> None:
    place = arena()
    board = place.board(CHAINS)
    check(place, place.race("film", board, processes=8), takes=6)
    again = place.race("film", board, processes=2)
    assert {told["state"] for result in again for told in result.values()} == {"current"}
    assert place.books()["posts"]["received"] == 6


@pytest.mark.slow
def test_studios_of_two_processes_pay_for_a_film_once(arena) -> None:
    place = arena()
    results = place.race(
        "studio", place.board({"dawn": {"rocks": {}, "tower": {}}, "storm": {"ship": {}}}), processes=2
    )
    check(place, results, takes=3)
    assert len({told["film"] for result in results for told in result.values()}) == 1


@pytest.mark.slow
def test_eight_processes_on_s3_pay_once(arena, bucket, monkeypatch) -> None:
    for name, value in bucket.items():
        monkeypatch.setenv(name, value)
    place = arena(environment=bucket)
    board = place.board({"dawn": {"rocks": {}, "tower": {}}, "storm": {"ship": {}}})
    place.open_account()
    check(place, place.race("film", board, processes=8), takes=3)


@pytest.mark.slow
def test_attempts_that_fail_are_made_again_once_by_all_together(arena) -> None:
    failing = '[{"where": "submit", "what": "fail-80003", "times": 1, "match": "of rocks."}]'
    place = arena("--faults", failing)
    results = place.race("film", place.board({"dawn": {"rocks": {}, "tower": {}}}), processes=4)
    assert len({result["rocks 1"]["take"]["task"] for result in results}) == 1
    books, state = place.books(), place.ledger.read()
    assert (books["posts"]["received"], len(books["tasks"])) == (3, 3)
    assert state.opening - state.debits + state.refunds == books["balance"] == 100_000 - 160


@pytest.mark.slow
def test_sixteen_writers_never_get_above_a_budget(tmp_path) -> None:
    film_budget, day_budget = 2500, 4000
    store = tmp_path / "store"
    command = [sys.executable, "-P", WORKER, "budgets", store, tmp_path / "race", "--processes", "16"]
    command += ["--film-budget", str(film_budget), "--day-budget", str(day_budget)]
    done = subprocess.run(list(map(str, command)), stderr=subprocess.PIPE, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr[-4000:]
    state = LedgerState()
    highest = {"film": 0, "day": 0}
    writers = set()
    for sequence, entry in Ledger(stores.open(str(store)), "account").log.entries():
        fold.apply(state, sequence, entry)
        writers.add(entry.by)
        for film in ("film-0", "film-1"):
            highest["film"] = max(highest["film"], state.used(film=film).film)
        for day in {a.at.strftime("%Y-%m-%d") for a in state.attempts.values()} | set(state.days):
            highest["day"] = max(highest["day"], state.used(day=day).day)
    assert highest["film"] <= film_budget
    assert highest["day"] <= day_budget
    assert len(writers) > 3
    assert highest["film"] > film_budget - 120 or highest["day"] > day_budget - 120, "the race never came near a budget"


@contextmanager
def claimant(store):
    """A process that holds the claim on a take."""
    command = [sys.executable, "-P", WORKER, "claim", store]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


def claim_as(ledger, attempt):
    return ledger.claim(attempt.order, body={}, budget=Budget(), kept=lambda: False)


def test_the_claim_of_a_killed_process_is_in_doubt_at_once(tmp_path) -> None:
    with claimant(tmp_path) as (process, attempt_id):
        ledger = Ledger(stores.open(str(tmp_path)), "account")
        (attempt,) = ledger.read().attempts.values()
        assert (attempt.id, attempt.phase) == (attempt_id, "intent")
        assert claim_as(ledger, attempt).kind == "wait"
        process.send_signal(signal.SIGKILL)
        process.wait()
        with pytest.raises(InDoubtError, match="its process ended"):
            claim_as(ledger, attempt)
    assert [a.phase for a in ledger.read().attempts.values()] == ["in_doubt"]
    assert ledger.read().used(film="film").film == attempt.order.reserve


def test_a_process_killed_but_not_yet_buried_is_dead(tmp_path) -> None:
    with claimant(tmp_path) as (process, _):
        ledger = Ledger(stores.open(str(tmp_path)), "account")
        (attempt,) = ledger.read().attempts.values()
        process.send_signal(signal.SIGKILL)
        # A zombie: its parent, this process, has not waited for it.
        while Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
            pass
        with pytest.raises(InDoubtError):
            claim_as(ledger, attempt)


def test_a_stopped_process_lives_and_is_waited_for(tmp_path) -> None:
    with claimant(tmp_path) as (process, _):
        ledger = Ledger(stores.open(str(tmp_path)), "account")
        (attempt,) = ledger.read().attempts.values()
        process.send_signal(signal.SIGSTOP)
        try:
            assert claim_as(ledger, attempt).kind == "wait"
            assert ledger.put_abandoned_in_doubt() == [attempt]
        finally:
            process.send_signal(signal.SIGCONT)
        process.stdin.close()
        process.wait()
        assert claim_as(ledger, attempt).kind == "bought"
