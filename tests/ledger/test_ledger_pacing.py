"""What the log says about pace: limits of the account hold for every book, and one 429 slows all of them once."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from memory_store import MemoryStore
from purchases import claim, purchase

from longtake.errors import BudgetError
from longtake.ledger import CHECKPOINT_EVERY, Budget, Ledger, LedgerState, Limits, fold
from longtake.ledger import entries as e
from longtake.ledger.throttle import SubmitPace

THEN = datetime(2026, 11, 22, 12, tzinfo=UTC)


def buy(ledger, shot, limits=None):
    attempt = claim(ledger, shot, limits=limits).attempt
    ledger.accepted(attempt, f"task_of_shot_{shot}")
    return attempt


@pytest.fixture
def books():
    """Two workers of one account."""
    store = MemoryStore()
    return Ledger(store, "account"), Ledger(store, "account")


# -- claims --------------------------------------------------------------------------------------------------------------


def test_posts_and_tasks_of_all_workers_count_against_the_limit(books) -> None:
    one, other = books
    task = buy(one, 1, limits=Limits(in_flight=2))
    post = claim(other, 2, limits=Limits(in_flight=2))
    for ledger in books:
        waiting = claim(ledger, 3, limits=Limits(in_flight=2))
        assert (waiting.kind, waiting.attempt) == ("wait", None)
        assert waiting.after > 0
    one.completed(task, 100)
    assert claim(other, 3, limits=Limits(in_flight=2)).kind == "bought"
    other.refused(post.attempt, status=400, code=20002, message="no")
    assert claim(one, 4, limits=Limits(in_flight=2)).kind == "bought"


def test_what_is_bought_already_is_shared_at_the_limit(books) -> None:
    one, other = books
    buy(one, 1)
    assert claim(other, 1, limits=Limits(in_flight=1)).kind == "shared"
    assert claim(other, 1, limits=Limits(in_flight=0)).kind == "shared"
    assert claim(other, 2, limits=Limits(in_flight=0)).kind == "wait"


def test_a_budget_that_does_not_suffice_is_said_before_any_waiting(books) -> None:
    one, other = books
    buy(one, 1)
    with pytest.raises(BudgetError):
        claim(other, 2, budget=Budget(film=250), limits=Limits(in_flight=1))


def test_doubts_and_what_dead_processes_left_take_no_room(books) -> None:
    one, other = books
    one.in_doubt(claim(one, 1).attempt, "lost")
    done = subprocess.run(
        [sys.executable, "-c", "from longtake.ledger import owner; print(owner.current())"],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    dead = e.Intent(
        at=datetime.now(UTC),
        by=done.stdout.strip(),
        order=purchase(2),
        number=1,
        lease_until=datetime.now(UTC) + timedelta(seconds=30),
        body={},
    )
    one.log.append(lambda _: dead)
    assert claim(other, 3, limits=Limits(in_flight=1)).kind == "bought"


def test_a_task_that_has_certainly_ended_takes_no_room(books) -> None:
    one, other = books
    attempt = claim(one, 1).attempt
    long_ago = datetime.now(UTC) - timedelta(hours=2)
    one.log.append(lambda _: e.Accepted(at=long_ago, by="x", attempt=attempt.id, task_id="task_forgotten"))
    assert claim(other, 2, limits=Limits(in_flight=1)).kind == "bought"


def test_submits_keep_their_distance_whoever_sends_them(books) -> None:
    one, other = books
    assert claim(one, 1, limits=Limits(per_second=0.01)).kind == "bought"
    for ledger in books:
        waiting = claim(ledger, 2, limits=Limits(per_second=0.01))
        assert waiting.kind == "wait"
        assert 0 < waiting.after <= 100
    assert claim(other, 2, limits=Limits(per_second=10_000)).kind in {"bought", "wait"}


def test_the_first_submit_waits_for_nothing(books) -> None:
    assert claim(books[0], 1, limits=Limits(in_flight=1, per_second=0.01)).kind == "bought"


def test_a_429_slows_every_worker_down_as_long_as_it_asks(books) -> None:
    one, other = books
    one.refused(claim(one, 1).attempt, status=429, code=None, message="slow", retry_after=300)
    for ledger, shot in zip(books, (1, 2), strict=True):
        waiting = claim(ledger, shot)
        assert (waiting.kind, waiting.attempt) == ("wait", None)
        assert 0 < waiting.after <= 300
    assert [entry.kind for _, entry in other.log.entries()] == ["intent", "refused"]


def test_a_refusal_that_is_no_429_slows_nobody_down(books) -> None:
    one, other = books
    one.refused(claim(one, 1).attempt, status=400, code=20002, message="no", retry_after=300)
    assert claim(other, 2).kind == "bought"


def test_after_a_429_one_post_is_open_at_a_time(books) -> None:
    one, other = books
    limited(one, claim(one, 1).attempt, ago=100)
    post = claim(one, 2).attempt
    assert claim(other, 3).kind == "wait"
    one.accepted(post, "task_of_shot_2")
    assert claim(other, 3).kind == "bought"


@pytest.mark.parametrize(("hours", "waits"), [(1, True), (-1, False)], ids=["ahead", "behind"])
def test_a_clock_that_is_an_hour_off_holds_nobody_up_for_an_hour(books, hours, waits) -> None:
    one, other = books
    limited(one, claim(one, 1).attempt, ago=-hours * 3600)
    waiting = claim(other, 2)
    assert (waiting.kind == "wait") is waits
    assert waiting.after <= 1


def limited(ledger, attempt, *, ago, asked=None):
    at = datetime.now(UTC) - timedelta(seconds=ago)
    ledger.log.append(lambda _: e.Refused(at=at, by="x", attempt=attempt.id, status=429, retry_after=asked))


# -- the fold ------------------------------------------------------------------------------------------------------------


class History:
    """Entries of an account, folded one by one; a second passes with each."""

    def __init__(self) -> None:
        self.state = LedgerState()

    def add(self, kind, **fields):
        at = THEN + timedelta(seconds=self.state.head)
        fold.apply(self.state, self.state.head + 1, e.parse(e.dump(kind(at=at, by="x", **fields)), key="k"))

    def intent(self):
        at = THEN + timedelta(seconds=self.state.head)
        self.add(e.Intent, order=purchase(self.state.head), number=1, lease_until=at, body={})
        return f"a{self.state.head}"

    def limited(self, attempt=None, asked=None):
        self.add(e.Refused, attempt=attempt or self.intent(), status=429, retry_after=asked)
        return self.state.pace.pause

    def accepted(self, attempt=None):
        attempt = attempt or self.intent()
        self.add(e.Accepted, attempt=attempt, task_id=f"task_of_{attempt}")
        return attempt


def test_the_pause_grows_with_each_slow_down_up_to_a_minute() -> None:
    history = History()
    assert [history.limited() for _ in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]
    history.accepted()
    assert history.state.pace.pause == 0
    assert history.limited() == 1


def test_posts_that_were_open_together_are_one_slow_down() -> None:
    history = History()
    posts = [history.intent() for _ in range(6)]
    assert [history.limited(post) for post in posts[:5]] == [1] * 5
    history.accepted(posts[5])
    assert history.state.pace.pause == 1, "a POST from before the 429 says nothing of now"
    assert history.limited() == 2


def test_what_was_asked_for_goes_before_what_is_guessed_within_reason() -> None:
    history = History()
    assert history.limited(asked=7.5) == 7.5
    assert [history.limited(asked=0) for _ in range(4)] == [2, 4, 8, 16]
    assert history.limited(asked=10**6) == 600


def test_a_task_that_ends_makes_room_and_leaves_only_what_was_asked_for() -> None:
    history = History()
    task = history.accepted()
    for _ in range(5):
        history.limited(asked=3)
    assert history.state.pace.pause == 16
    history.add(e.Completed, attempt=task)
    assert history.state.pace.pause == 3
    assert history.limited() == 1


OPS = st.sampled_from(["intent", "limit", "accept", "complete", "fail", "refuse"])


@given(st.lists(st.tuples(OPS, st.none() | st.floats(0, 10**6), st.integers(0, 3)), max_size=60), st.integers(0, 60))
def test_any_history_gives_one_pace_however_it_is_read(steps, cut) -> None:
    history, twin = History(), History()
    for number, (op, asked, which) in enumerate(steps):
        if number == cut:
            # What a reader finds who starts from a checkpoint.
            twin.state = LedgerState.model_validate_json(twin.state.model_dump_json())
        for each in (history, twin):
            phase = {"complete": "accepted", "fail": "accepted"}.get(op, "intent")
            among = [a.id for a in each.state.attempts.values() if a.phase == phase]
            attempt = among[which % len(among)] if among else None
            if op == "intent":
                each.intent()
            elif attempt is None:
                continue
            elif op == "limit":
                each.limited(attempt, asked)
            elif op == "accept":
                each.accepted(attempt)
            elif op == "complete":
                each.add(e.Completed, attempt=attempt)
            elif op == "fail":
                each.add(e.Failed, attempt=attempt)
            else:
                each.add(e.Refused, attempt=attempt, status=400)
        pace = history.state.pace
        assert pace == twin.state.pace
        assert 0 <= pace.asked <= 600
        assert pace.asked <= pace.pause <= max(60, pace.asked)
        assert pace.slowed <= history.state.head
    assert history.state == twin.state


def test_a_checkpoint_from_before_the_limits_is_read() -> None:
    store = MemoryStore()
    ledger = Ledger(store, "account")
    for shot in range(CHECKPOINT_EVERY // 2):
        ledger.refused(claim(ledger, shot).attempt, status=400, code=None, message="no")
    (key,) = store.list("ledger/account/checkpoints/")
    checkpoint = json.loads(store.get(key))
    del checkpoint["state"]["pace"], checkpoint["digest"]
    store.damage(key, json.dumps(checkpoint).encode())
    late = Ledger(store, "account").read()
    assert (late.head, late.pace) == (CHECKPOINT_EVERY, SubmitPace())
    assert late.model_copy(update={"pace": ledger.read().pace}) == ledger.read()


def test_an_entry_from_before_the_limits_is_read() -> None:
    old = {"v": 1, "at": THEN.isoformat(), "by": "x", "nonce": "0", "kind": "refused", "attempt": "a1", "status": 429}
    assert e.parse(json.dumps(old).encode(), key="k").retry_after is None


def test_an_accepted_submit_ends_the_pause_that_was_asked_for() -> None:
    slowed = SubmitPace(slowed=3, asked=9.0, pause=9.0, row=2, careful=5)
    assert slowed.accepted(intent=4) == SubmitPace(slowed=3, careful=4)
    assert slowed.accepted(intent=2) == slowed
    assert slowed.ended() == SubmitPace(slowed=3, asked=9.0, pause=9.0, careful=5)
