"""Many processes with films of their own, one account: its limits hold at the provider, and one 429 slows all of them once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from longtake.ledger import LedgerState, fold
from longtake.ledger import entries as e

pytestmark = pytest.mark.slow
SIZES = pytest.mark.parametrize(
    ("processes", "shots"),
    [pytest.param(3, 2, id="3 films of 2"), pytest.param(4, 10, id="4 films of 10")],
)


def films(place, *, processes, shots):
    """Every process makes a film of its own; everything is bought once."""
    for film in range(processes):
        scene = {f"f{film}-{shot}": {"continue_from": None} for shot in range(shots)}
        place.board({"fresh": scene}, title=f"Film {film}", name=f"board-{film}")
    place.open_account()
    results = place.race("film", place.folder / "board-{}.json", processes=processes)
    told = [one for result in results for one in result.values()]
    assert [one["state"] for one in told] == ["bought"] * (processes * shots), told
    books, state = place.books(), place.ledger.read()
    debits = [entry for entry in books["entries"] if entry["kind"] == "debit"]
    assert {entry["task"] for entry in debits} == {one["take"]["task"] for one in told}
    assert len(debits) == books["posts"]["charged"] == processes * shots
    assert state.attempts == {}
    assert state.expected_balance == books["balance"]
    return books["limits"]


def slow_downs(place):
    """The pauses of the account, by the log: how many 429s each came of; nobody sends in one."""
    state, found = LedgerState(), []
    for sequence, entry in place.ledger.log.entries():
        before = state.pace
        if isinstance(entry, e.Intent) and before.pause:
            # Clocks of one machine; a process waits by one clock and writes by another.
            passed = entry.at - before.slowed_at
            assert passed > timedelta(seconds=before.pause * 0.98), f"entry {sequence} did not wait"
        if isinstance(entry, e.Refused):
            assert entry.status == 429
            assert entry.retry_after == 1
            if int(entry.attempt[1:]) < before.slowed:
                found[-1] += 1
            else:
                found.append(1)
        fold.apply(state, sequence, entry)
    return found


@pytest.mark.timeout(300)
@SIZES
def test_an_account_keeps_to_its_own_limits(arena, processes, shots) -> None:
    place = arena("--max-in-flight", "3", "--submits-per-second", "6")
    place.environment |= {"LONGTAKE_ACCOUNT_IN_FLIGHT": "3", "LONGTAKE_SUBMITS_PER_SECOND": "4"}
    limits = films(place, processes=processes, shots=shots)
    assert limits["most_in_flight"] <= 3
    assert limits["refused"] <= 1, "the provider had to say so"


@pytest.mark.timeout(300)
@SIZES
def test_a_429_slows_everyone_down_once(arena, processes, shots) -> None:
    # Of few shots each takes longer, so that the provider is full while others ask.
    seconds = "4" if shots < 8 else "1"
    place = arena("--max-in-flight", "3", "--submits-per-second", "5", "--processing", seconds)
    limits = films(place, processes=processes, shots=shots)
    found = slow_downs(place)
    assert sum(found) == limits["refused"] > 0
    assert limits["most_in_flight"] <= 3
    assert found[0] <= processes * min(shots, 8), "what was open when the first 429 came"
    assert set(found[1:]) <= {1}, "a slow-down is one 429, not one for each who waits"
    assert len(found) <= processes * shots
