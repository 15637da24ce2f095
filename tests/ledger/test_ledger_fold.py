"""The fold over random histories of many writers: nothing lost, nothing reordered, every total derived."""

from __future__ import annotations

import contextlib
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from memory_store import MemoryStore
from purchases import claim

from examples import examples
from longtake.errors import BudgetError, InDoubtError
from longtake.ledger import CHECKPOINT_EVERY, Budget, Ledger, LedgerState, Purchase, fold
from longtake.ledger import entries as e

WRITERS = 3


OPS = (
    "claim",
    "accept",
    "refuse",
    "limit",
    "not_sent",
    "doubt",
    "complete",
    "fail",
    "settle",
    "adopt",
    "clear",
    "write_off",
)
step = st.tuples(st.integers(0, WRITERS - 1), st.sampled_from(OPS), st.integers(0, 5), st.integers(1, 300))


def play(ledger: Ledger, what: tuple[str, int, int], numbers: dict[str, int], budget: Budget) -> None:
    op, shot, amount = what
    state = ledger.read()
    attempt = state.find(f"fingerprint of {shot}")
    if op == "claim":
        with contextlib.suppress(BudgetError, InDoubtError):
            claim(ledger, shot, credits=amount, film=f"film-{shot % 2}", run=f"run-{shot % 3}", budget=budget)
    elif attempt is None:
        return
    elif op == "accept":
        numbers["task"] = numbers.get("task", 0) + 1
        ledger.accepted(attempt, f"task_{numbers['task']:08d}")
    elif op == "refuse":
        # Few 429s, since nobody buys for a second after one.
        status, after = (429, amount / 300) if amount > 280 else (400, None)
        ledger.refused(attempt, status=status, code=20002, message="no", retry_after=after)
    elif op == "not_sent":
        ledger.not_sent(attempt, "refused connection")
    elif op == "doubt":
        ledger.in_doubt(attempt, "lost")
    elif op == "complete":
        ledger.completed(attempt, amount if amount % 2 else None)
    elif op == "fail":
        ledger.failed(attempt, code=80003, message="no", retryable=True)
    elif op == "settle":
        ledger.settled(attempt, clip="c" * 64)
    elif attempt.phase in {"in_doubt", "held"}:
        if op == "adopt":
            numbers["task"] = numbers.get("task", 0) + 1
            ledger.adopt(attempt.id, f"task_{numbers['task']:08d}", who="me", why="found")
        else:
            ledger.resolve(attempt.id, "not_charged" if op == "clear" else "written_off", who="me", why="said")


def replay(ledger: Ledger) -> LedgerState:
    state = LedgerState()
    for sequence, entry in ledger.log.entries():
        fold.apply(state, sequence, entry)
    return state


def naive_spent(ledger: Ledger) -> dict[str, int]:
    """Credits spent for good per film, worked out from the entries alone, attempt by attempt."""
    intents: dict[str, Purchase] = {}
    open_: dict[str, str] = {}
    spent: dict[str, int] = {}
    for sequence, entry in ledger.log.entries():
        if isinstance(entry, e.Intent):
            intents[f"a{sequence}"] = entry.order
            open_[f"a{sequence}"] = "intent"
            continue
        attempt = getattr(entry, "attempt", None)
        if attempt not in open_:
            continue
        film = intents[attempt].film
        if isinstance(entry, e.Settled):
            spent[film] = spent.get(film, 0) + entry.credits
            del open_[attempt]
        elif isinstance(entry, e.WrittenOff):
            spent[film] = spent.get(film, 0) + intents[attempt].reserve
            del open_[attempt]
    return {film: amount for film, amount in spent.items() if amount}


@examples(40)
@given(st.lists(step, min_size=1, max_size=130))
def test_any_interleaving_folds_to_one_state(steps: list[tuple[int, str, int, int]]) -> None:
    store = MemoryStore()
    books = [Ledger(store, "account") for _ in range(WRITERS)]
    numbers: dict[str, int] = {}
    for writer, op, shot, amount in steps:
        play(books[writer], (op, shot, amount), numbers, Budget())
    states = [ledger.read() for ledger in books]
    assert states[0] == states[1] == states[2]
    assert Ledger(store, "account").read() == states[0], "a fold from a checkpoint differs from the writers' own"
    assert replay(books[0]) == states[0], "a fold from zero differs"
    assert states[0].films == naive_spent(books[0])
    intents = sum(isinstance(entry, e.Intent) for _, entry in books[0].log.entries())
    closed = list(books[0].log.history())
    assert len({c.id for c in closed}) == len(closed)
    assert intents == len(closed) + len(states[0].attempts), "an attempt was lost or counted twice"


@examples(25)
@given(st.lists(step, min_size=1, max_size=80), st.integers(200, 900), st.integers(200, 900))
def test_no_prefix_of_the_log_is_ever_above_a_budget(steps, film_budget: int, day_budget: int) -> None:
    # Charges above the reserve are the provider's doing, so completions here stay within it.
    store = MemoryStore()
    books = [Ledger(store, "account") for _ in range(WRITERS)]
    numbers: dict[str, int] = {}
    for writer, op, shot, amount in steps:
        if op != "complete":
            play(books[writer], (op, shot, amount), numbers, Budget(film=film_budget, day=day_budget))
    state = LedgerState()
    for sequence, entry in books[0].log.entries():
        fold.apply(state, sequence, entry)
        for film in ("film-0", "film-1"):
            assert state.used(film=film).film <= film_budget
        assert sum(state.days.values()) + state.held() <= day_budget


def test_threads_racing_for_one_take_make_one_intent() -> None:
    store = MemoryStore()
    gate = threading.Barrier(12)
    kinds: list[str] = []

    def work() -> None:
        ledger = Ledger(store, "account")
        gate.wait()
        kinds.append(claim(ledger, 1).kind)

    threads = [threading.Thread(target=work) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(kinds) == ["bought"] + ["wait"] * 11
    assert Ledger(store, "account").read().head == 1


def test_checkpoints_are_used_and_equal_the_fold_from_zero() -> None:
    store = MemoryStore()
    ledger = Ledger(store, "account")
    for shot in range(CHECKPOINT_EVERY):
        got = claim(ledger, shot)
        ledger.accepted(got.attempt, f"task_{shot:08d}")
        ledger.completed(got.attempt, 99)
        ledger.settled(got.attempt, clip="c" * 64)
    reads: list[str] = []

    class Counting:
        def __init__(self, inner) -> None:
            self.inner = inner

        def __getattr__(self, name):
            return getattr(self.inner, name)

        def get(self, key, **options):
            reads.append(key)
            return self.inner.get(key, **options)

    late = Ledger(Counting(store), "account")
    assert late.read() == replay(ledger)
    assert late.read().tries == {}, "a settled take is forgotten"
    assert len([k for k in reads if "checkpoints" in k]) == 1
    assert len(reads) <= CHECKPOINT_EVERY + 2
    assert len(list(late.log.history())) == CHECKPOINT_EVERY


def test_a_missing_checkpoint_is_written_by_the_next_reader() -> None:
    store = MemoryStore()
    ledger = Ledger(store, "account")
    for shot in range(CHECKPOINT_EVERY + 5):
        ledger.refused(claim(ledger, shot).attempt, status=400, code=None, message="no")
    shortcuts = list(store.list("ledger/account/checkpoints/"))
    for key in shortcuts:
        store.damage(key)
    assert Ledger(store, "account").read() == ledger.read()
    assert list(store.list("ledger/account/checkpoints/")) == shortcuts


def test_entries_are_json_a_person_can_read() -> None:
    store = MemoryStore()
    claim(Ledger(store, "account"), 1)
    text = store.get("ledger/account/000000000001.json").decode()
    assert '"kind": "intent"' in text
    assert '"shot": "shot-1"' in text
    assert text.count("\n") > 15


def test_a_late_acceptance_after_a_wrong_verdict_is_not_lost() -> None:
    ledger = Ledger(MemoryStore(), "account")
    attempt = claim(ledger, 1).attempt
    ledger.in_doubt(attempt, "timeout")
    ledger.resolve(attempt.id, "not_charged", who="me", why="guess")
    ledger.accepted(attempt, "task_late_0001")
    state = ledger.read()
    assert state.attempts[attempt.id].task_id == "task_late_0001"
    assert state.debits == 160
    assert claim(ledger, 1).kind == "shared"


def test_a_refusal_names_scope_and_what_is_left() -> None:
    ledger = Ledger(MemoryStore(), "account")
    claim(ledger, 1, credits=300, budget=Budget(film=500))
    with pytest.raises(BudgetError) as caught:
        claim(ledger, 2, credits=300, budget=Budget(film=500))
    assert (caught.value.scope, caught.value.budget, caught.value.needed, caught.value.available) == (
        "film",
        500,
        300,
        200,
    )
    assert ledger.read().head == 1
