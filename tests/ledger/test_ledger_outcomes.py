"""What each call of a ledger writes down, in which phase it counts, and that it changes nothing in any other."""

from __future__ import annotations

import subprocess
import sys

import pytest
from memory_store import MemoryStore
from processes import until
from purchases import claim, purchase

from longtake.errors import BudgetError, InDoubtError, LedgerError, TwoLedgersError
from longtake.ledger import Budget, Ledger, owner
from longtake.ledger import entries as e
from longtake.ledger.ledger import LEASE, now

TASK = "task_12345678"
PHASES = ("intent", "accepted", "completed", "failed", "in_doubt", "held")


@pytest.fixture
def ledger():
    return Ledger(MemoryStore(), "account")


def written(ledger, kind):
    """The fields of the only entry of a kind, without its stamp."""
    (found,) = [entry for _, entry in ledger.log.entries() if entry.kind == kind]
    return found.model_dump(exclude={"v", "at", "by", "nonce", "before", "kind", "attempt"})


def attempt_in(ledger, phase, **fields):
    attempt = claim(ledger, **fields).attempt
    if phase in {"accepted", "completed", "failed"}:
        ledger.accepted(attempt, TASK)
    if phase == "completed":
        ledger.completed(attempt, 150)
    if phase == "failed":
        entry = e.Failed(at=now(), by=owner.current(), attempt=attempt.id)
        ledger.log.append(lambda _: entry)
    if phase in {"in_doubt", "held"}:
        ledger.in_doubt(attempt, "lost")
    if phase == "held":
        entry = e.Held(at=now(), by=owner.current(), attempt=attempt.id, why="short")
        ledger.log.append(lambda _: entry)
    assert ledger.read().attempts[attempt.id].phase == phase
    return attempt


CALLS = {
    "renew": (lambda book, a: book.renew(a), {"intent"}),
    "refused": (lambda book, a: book.refused(a, status=400, code=None, message="no"), {"intent", "in_doubt"}),
    "not_sent": (lambda book, a: book.not_sent(a, "no way"), {"intent", "in_doubt"}),
    "in_doubt": (lambda book, a: book.in_doubt(a, "lost"), {"intent"}),
    "completed": (lambda book, a: book.completed(a, 150), {"accepted"}),
    "failed": (lambda book, a: book.failed(a, code=1, message="", retryable=True), {"accepted", "failed"}),
    "settled": (lambda book, a: book.settled(a, clip="c" * 64), {"completed"}),
}


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("call", CALLS)
def test_an_outcome_counts_in_its_own_phases_only(ledger, call, phase) -> None:
    do, counts = CALLS[call]
    attempt = attempt_in(ledger, phase)
    head = ledger.read().head
    do(ledger, attempt)
    assert (ledger.read().head > head) is (phase in counts)


def test_what_became_of_an_attempt_is_written_whole(ledger) -> None:
    refused, unsent, doubt, failed, kept, guessed = (claim(ledger, shot, credits=160).attempt for shot in "abcdef")
    ledger.refused(refused, status=429, code=50001, message="slow down", retry_after=0.5)
    assert written(ledger, "refused") == {"status": 429, "code": 50001, "message": "slow down", "retry_after": 0.5}
    ledger.not_sent(unsent, "no route")
    assert written(ledger, "not_sent") == {"reason": "no route"}
    ledger.in_doubt(doubt, "cut off")
    assert written(ledger, "in_doubt") == {"reason": "cut off"}
    ledger.accepted(failed, "task_of_failed")
    assert written(ledger, "accepted") == {"task_id": "task_of_failed", "order": None}
    ledger.failed(failed, code=80003, message="overloaded", retryable=True)
    assert written(ledger, "failed") == {"code": 80003, "message": "overloaded", "retryable": True}
    assert written(ledger, "refunded") == {"credits": 160, "proof": "contract"}
    ledger.accepted(kept, "task_of_kept")
    ledger.completed(kept, 150)
    assert written(ledger, "completed") == {"credits": 150}
    ledger.settled(kept, clip="c" * 64)
    assert written(ledger, "settled") == {"credits": 150, "basis": "usage", "clip": "c" * 64}
    ledger.accepted(guessed, "task_of_guessed")
    ledger.completed(guessed, None)
    ledger.settled(guessed, clip="d" * 64)
    last = ledger.log.entry(ledger.read().head)
    assert (last.credits, last.basis, last.clip) == (160, "estimate", "d" * 64)
    assert [closed.id for closed in ledger.log.history()] == [refused.id, unsent.id, failed.id, kept.id, guessed.id]


def test_what_a_person_says_is_written_with_the_name_and_the_reason(ledger) -> None:
    free, gone, found = (attempt_in_doubt(ledger, shot) for shot in ("free", "gone", "found"))
    ledger.resolve(free, "not_charged", who="Ada", why="not in the list")
    assert written(ledger, "not_charged") == {"who": "Ada", "why": "not in the list"}
    ledger.resolve(gone, "written_off", who="Bo", why="too small")
    assert written(ledger, "written_off") == {"who": "Bo", "why": "too small"}
    ledger.adopt(found, TASK, who="Cy", why="in the list")
    assert written(ledger, "adopted") == {"task_id": TASK, "who": "Cy", "why": "in the list"}
    ledger.adjust(-37, who="Di", why="by hand")
    assert written(ledger, "adjusted") == {"credits": -37, "who": "Di", "why": "by hand"}


def attempt_in_doubt(ledger, shot):
    attempt = claim(ledger, shot).attempt
    ledger.in_doubt(attempt, "lost")
    return attempt.id


# -- claims --------------------------------------------------------------------------------------------------------------


def test_a_claim_says_who_has_the_take(ledger) -> None:
    other = Ledger(ledger.log.store, "account")
    mine = claim(ledger)
    assert (mine.kind, mine.attempt.number, mine.attempt.order) == ("bought", 1, purchase())
    assert mine.attempt.lease_until - mine.attempt.at == LEASE
    waiting = claim(other)
    assert (waiting.kind, waiting.attempt.id) == ("wait", mine.attempt.id)
    ledger.accepted(mine.attempt, TASK)
    shared = claim(other)
    assert (shared.kind, shared.attempt.task_id) == ("shared", TASK)
    ledger.completed(mine.attempt, 160)
    assert claim(other).kind == "shared"
    kept = other.claim(purchase("sea"), body={}, budget=Budget(), kept=lambda: True)
    assert (kept.kind, kept.attempt) == ("kept", None)


def test_attempts_at_a_take_are_numbered_until_it_is_settled(ledger) -> None:
    for number in (1, 2, 3):
        attempt = claim(ledger).attempt
        assert attempt.number == number
        ledger.not_sent(attempt, "no way")
    kept = claim(ledger).attempt
    ledger.accepted(kept, TASK)
    ledger.completed(kept, 160)
    ledger.settled(kept, clip="c" * 64)
    assert claim(ledger).attempt.number == 1
    assert claim(ledger, "sea").attempt.number == 1


def test_an_intent_holds_the_order_and_the_body(ledger) -> None:
    order = purchase("rocks", credits=320, set="a-set", labels={"campaign": "fall"})
    claim(ledger, order)
    found = written(ledger, "intent")
    assert (found["order"], found["body"], found["number"]) == (order.model_dump(), {"prompt": "x"}, 1)


@pytest.mark.parametrize("phase", ["in_doubt", "held"])
def test_a_claim_of_a_take_in_doubt_names_the_attempt_and_its_credits(ledger, phase) -> None:
    attempt = attempt_in(ledger, phase)
    with pytest.raises(InDoubtError) as caught:
        claim(ledger)
    assert (caught.value.attempt, caught.value.credits) == (attempt.id, 160)
    assert caught.value.label == attempt.order.label
    assert ("was charged and its task is lost" in caught.value.message) is (phase == "held")


def test_what_halts_a_run_stops_its_purchases_and_not_what_others_bought(ledger) -> None:
    bought = claim(ledger).attempt
    ledger.accepted(bought, TASK)
    halted = BudgetError("enough", scope="run", budget=1, needed=2, available=1)
    given = {"body": {}, "budget": Budget(), "halted": halted}
    assert ledger.claim(purchase(), kept=lambda: False, **given).kind == "shared"
    assert ledger.claim(purchase("sea"), kept=lambda: True, **given).kind == "kept"
    head = ledger.read().head
    with pytest.raises(BudgetError) as caught:
        ledger.claim(purchase("sea"), kept=lambda: False, **given)
    assert caught.value is halted
    assert ledger.read().head == head


def test_a_ledger_that_only_settles_buys_nothing_and_gives_what_is_bought(ledger) -> None:
    bought = claim(ledger).attempt
    ledger.accepted(bought, TASK)
    settling = Ledger(ledger.log.store, "account", settles="another ledger of the key goes on")
    assert claim(settling).kind == "shared"
    with pytest.raises(TwoLedgersError, match="another ledger of the key goes on"):
        claim(settling, "sea")
    assert settling.read().head == 2


def test_a_renewed_lease_stands_for_its_whole_length_from_then_on(ledger) -> None:
    attempt = claim(ledger).attempt
    before = now()
    assert ledger.renew(attempt) is True
    assert before + LEASE <= ledger.read().attempts[attempt.id].lease_until <= now() + LEASE
    ledger.in_doubt(attempt, "lost")
    assert ledger.renew(attempt) is False


def test_a_purchase_is_checked_and_held_by_its_reserve_and_not_by_its_estimate(ledger) -> None:
    order = purchase(expected=100, reserve=160)
    with pytest.raises(BudgetError, match="needs 160 credits"):
        claim(ledger, order, budget=Budget(film=159))
    attempt = claim(ledger, order, budget=Budget(film=160)).attempt
    assert ledger.used(film="a-film", run="run").film == 160
    ledger.accepted(attempt, TASK)
    assert (ledger.read().debits, ledger.read().used(film="a-film").film) == (160, 160)
    ledger.completed(attempt, None)
    assert (ledger.read().debits, ledger.read().used(film="a-film").film) == (100, 100)
    ledger.settled(attempt, clip="c" * 64)
    assert (ledger.read().debits, ledger.read().films) == (100, {"a-film": 100})


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("scope", ["film", "set", "run", "day"])
def test_an_open_attempt_counts_against_every_budget_in_every_phase(ledger, phase, scope) -> None:
    attempt_in(ledger, phase, set="a-set")
    held = 150 if phase == "completed" else 160
    sea = purchase("sea", set="a-set")
    with pytest.raises(BudgetError, match=f"the {scope} budget of {held + 159} has 159 left"):
        claim(ledger, sea, budget=Budget(**{scope: held + 159}))
    assert claim(ledger, sea, budget=Budget(**{scope: held + 160})).kind == "bought"


# -- task ids ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("phase", ["accepted", "completed"])
def test_a_task_id_written_twice_counts_once(ledger, phase) -> None:
    attempt = attempt_in(ledger, phase)
    state = ledger.read()
    ledger.accepted(attempt, TASK)
    assert ledger.read() == state


def test_a_doubt_whose_answer_comes_late_is_accepted(ledger) -> None:
    attempt = attempt_in(ledger, "in_doubt")
    ledger.accepted(attempt, TASK)
    assert [(a.phase, a.task_id) for a in ledger.read().attempts.values()] == [("accepted", TASK)]


@pytest.mark.parametrize("phase", ["intent", "accepted", "completed", "failed"])
def test_only_a_doubt_is_adopted(ledger, phase) -> None:
    attempt = attempt_in(ledger, phase)
    with pytest.raises(LedgerError, match=f"{attempt.id} is not in doubt but {phase}") as caught:
        ledger.adopt(attempt.id, "task_87654321", who="me", why="wrong")
    assert "attempts in doubt now: none" in caught.value.next_step
    assert caught.value.key == attempt.id
    with pytest.raises(LedgerError, match="a99 is not in doubt but closed or unknown"):
        ledger.adopt("a99", "task_87654321", who="me", why="wrong")


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("verdict", ["not_charged", "written_off"])
def test_a_verdict_is_about_a_doubt_and_a_write_off_about_what_is_bought_too(ledger, verdict, phase) -> None:
    attempt = attempt_in(ledger, phase)
    allowed = {"in_doubt", "held"} | ({"accepted", "completed"} if verdict == "written_off" else set())
    if phase not in allowed:
        with pytest.raises(LedgerError, match="is not in doubt"):
            ledger.resolve(attempt.id, verdict, who="me", why="so")
        assert ledger.read().attempts[attempt.id].phase == phase
        return
    ledger.resolve(attempt.id, verdict, who="me", why="so")
    state = ledger.read()
    spent = 0 if verdict == "not_charged" else 150 if phase == "completed" else 160
    assert (state.attempts, state.debits, state.used(film="a-film").film) == ({}, spent, spent)


def test_a_person_says_that_a_missing_refund_came(ledger) -> None:
    attempt = attempt_in(ledger, "accepted")
    ledger.failed(attempt, code=80003, message="overloaded", retryable=True)
    missing = e.RefundMissing(at=now(), by=owner.current(), attempt=attempt.id, credits=160)
    ledger.log.append(lambda _: missing)
    with pytest.raises(LedgerError) as caught:
        ledger.refund_seen("a99", who="me", why="wrong")
    assert f"has not shown: {attempt.id}" in caught.value.next_step
    ledger.refund_seen(attempt.id, who="me", why="on the site")
    assert written(ledger, "refund_found") == {"credits": 160, "who": "me", "why": "on the site"}
    assert (ledger.read().missing, ledger.read().films) == ([], {"a-film": 0})


# -- owners --------------------------------------------------------------------------------------------------------------


def test_a_process_that_ended_and_was_not_waited_for_is_dead(ledger) -> None:
    code = "from longtake.ledger import owner; print(owner.current(), flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-P", "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        name = process.stdout.readline().strip()
        assert (owner.is_alive(name), owner.is_dead(name)) == (True, False)
        process.stdin.close()
        assert process.stdout.read() == ""  # its end: from here on it is a zombie at most
        until(lambda: owner.is_dead(name), why="its end shows")
        assert process.returncode is None
    assert (owner.is_alive(owner.current()), owner.is_dead(owner.current())) == (True, False)


@pytest.mark.parametrize("name", ["", "host", "host/boot/1", "host/boot/one/2", "host/-/1/1", "host/boot/1/1/1"])
def test_of_a_name_that_cannot_be_judged_nothing_is_known(name) -> None:
    assert (owner.is_alive(name), owner.is_dead(name)) == (False, False)
