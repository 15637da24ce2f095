"""One safeguard of the money to a test: each of these fails when just that safeguard is taken out of the code."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from memory_store import MemoryStore
from purchases import ELSEWHERE, claim, intent_of_another_machine, purchase

from longtake.errors import BudgetError, InDoubtError
from longtake.ledger import Budget, Ledger, account_of, claim_wait, owner
from longtake.ledger import entries as e
from longtake.ledger.ledger import LEASE, now
from longtake.ledger.reconcile import QUIET
from longtake.ledger.throttle import SKEW
from longtake.provider.client import POST_TIMEOUT
from longtake.take.submit import LONGEST_UNSENT


@pytest.fixture
def ledger():
    return Ledger(MemoryStore(), account_of("127.0.0.1", "key-of-the-safeguard-tests"))


@pytest.fixture
def passing(monkeypatch):
    """Give a function that lets seconds pass on the clock that cannot be set."""
    clock = [0.0]
    monkeypatch.setattr(claim_wait, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    return lambda seconds: clock.__setitem__(0, clock[0] + seconds)


# -- budgets -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scope", ["film", "run", "day"])
def test_one_credit_too_many_is_refused(ledger, scope) -> None:
    claim(ledger, "rocks", budget=Budget(**{scope: 160}))
    with pytest.raises(BudgetError, match=f"the {scope} budget of 319 has 159 left"):
        claim(ledger, "sea", budget=Budget(**{scope: 319}))
    assert claim(ledger, "sea", budget=Budget(**{scope: 320})).kind == "bought"


def test_a_held_doubt_that_is_written_off_is_spent_and_debited(ledger) -> None:
    attempt = claim(ledger).attempt
    ledger.in_doubt(attempt, "lost")
    held = e.Held(at=now(), by=owner.current(), attempt=attempt.id, why="the balance is short by this")
    ledger.log.append(lambda _: held)
    ledger.resolve(attempt.id, "written_off", who="me", why="the provider cannot find it")
    state = ledger.read()
    assert (state.debits, state.films, state.attempts) == (160, {"a-film": 160}, {})


# -- leases --------------------------------------------------------------------------------------------------------------


def test_a_lease_has_an_allowance_for_clocks_that_differ(ledger) -> None:
    intent_of_another_machine(ledger, lease_until=now() - SKEW / 2)
    assert claim(ledger).kind == "wait"


def test_a_lease_that_ran_out_is_a_doubt(ledger) -> None:
    intent_of_another_machine(ledger, lease_until=now() - SKEW - timedelta(seconds=1))
    with pytest.raises(InDoubtError, match="ended between the intent and the answer"):
        claim(ledger)


def test_hours_between_two_clocks_hold_no_one_up_longer_than_the_lease(ledger, passing) -> None:
    """A machine whose clock is ahead claimed and died, or the reader's own clock is behind."""
    intent_of_another_machine(ledger, lease_until=now() + timedelta(hours=2))
    assert claim(ledger).kind == "wait"
    passing((LEASE + SKEW).total_seconds() - 1)
    assert claim(ledger).kind == "wait"
    (attempt,) = ledger.read().attempts.values()
    ledger.renew(attempt)
    passing(2)
    assert claim(ledger).kind == "wait", "it was renewed"
    passing((LEASE + SKEW).total_seconds() + 1)
    with pytest.raises(InDoubtError, match="ended between the intent and the answer"):
        claim(ledger)


def test_a_barrier_holds_no_one_up_longer_than_it_was_meant_to_last(ledger, passing) -> None:
    """By a clock that is ahead, of a machine whose process died."""
    at = now() + timedelta(hours=2)
    ledger.log.append(lambda _: e.Barrier(at=at, by=ELSEWHERE, until=at + timedelta(seconds=QUIET + 300)))
    assert claim(ledger).kind == "wait"
    passing(QUIET + 299)
    assert claim(ledger).kind == "wait"
    passing(2)
    assert claim(ledger).kind == "bought"


def test_a_process_of_another_machine_is_alive_as_long_as_its_lease(ledger) -> None:
    assert not owner.is_dead(ELSEWHERE)
    intent_of_another_machine(ledger, lease_until=now() + LEASE)
    assert claim(ledger).kind == "wait"


def test_a_process_that_proc_hides_is_not_taken_for_dead(monkeypatch, tmp_path) -> None:
    """As with `hidepid`, where another user's processes cannot be looked at."""
    mine, proc = owner.current(), tmp_path / "proc"
    for name in ("self/ns", "sys/kernel/random"):
        (proc / name).mkdir(parents=True)
    (proc / "self/ns/pid").symlink_to(Path("/proc/self/ns/pid").readlink())
    (proc / "sys/kernel/random/boot_id").write_text(Path("/proc/sys/kernel/random/boot_id").read_text())
    monkeypatch.setattr(owner, "PROC", proc)
    assert (owner.is_dead(mine), owner.is_alive(mine)) == (False, False)


def test_the_longest_post_ends_before_the_quiet_time_does() -> None:
    assert POST_TIMEOUT + LONGEST_UNSENT < QUIET


# -- days ----------------------------------------------------------------------------------------------------------------


def test_a_day_budget_counts_what_was_begun_on_that_day_whenever_it_ends(ledger) -> None:
    """One attempt is open over midnight, one is settled after it, one is refunded after it: all three are yesterday's."""
    midnight = now().replace(hour=0, minute=0, second=0, microsecond=0)
    before = midnight - timedelta(seconds=1)
    for shot in ("rocks", "sea", "sky"):
        entry = e.Intent(at=before, by=ELSEWHERE, order=purchase(shot), number=1, lease_until=before, body={})
        sequence = ledger.log.append(lambda _, entry=entry: entry)
        attempt = ledger.read().attempts[f"a{sequence}"]
        ledger.accepted(attempt, f"task-of-{shot}")
        if shot == "sea":
            ledger.completed(attempt, 150)
            ledger.settled(attempt, clip="0" * 64)
        elif shot == "sky":
            ledger.failed(attempt, code=80003, message="", retryable=True)
    state = ledger.read()
    days = [f"{at:%Y-%m-%d}" for at in (before, midnight)]
    assert [state.used(film="a-film", run="run", day=day).day for day in days] == [160 + 150 + 160, 0]
    with pytest.raises(BudgetError, match="the day budget of 159"):
        claim(ledger, "fog", budget=Budget(day=159))
    assert claim(ledger, "fog", budget=Budget(day=160)).kind == "bought"
