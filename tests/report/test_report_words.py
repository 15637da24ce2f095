"""What a run says of itself in words: stale shots are named, the gravest reason decides, what is open is counted."""

from __future__ import annotations

from types import SimpleNamespace

from longtake.errors import (
    BudgetError,
    InDoubtError,
    KeyRefusedError,
    LongtakeError,
    ProviderUnavailableError,
    TaskFailedError,
)
from longtake.report import ShotOutcome, incomplete, seam_notes, stale_note, under_way

TAKE = SimpleNamespace(take=1, credits=1, task_id="task_12345678")


def outcome(label: str, state: str, *, error: LongtakeError | None = None) -> ShotOutcome:
    kept = TAKE if state in {"current", "bought", "stale"} else None
    return ShotOutcome(SimpleNamespace(label=label), state, kept, (kept,) if kept else (), error)


def budget() -> BudgetError:
    return BudgetError("no", scope="film", budget=1, needed=2, available=0)


def test_a_stale_shot_is_named_with_the_way_to_renew_it() -> None:
    assert "a/two; `longtake run --downstream cascade`" in (stale_note(["a/two"]) or "")
    assert stale_note([]) is None


def test_the_gravest_reason_decides_the_exit_code() -> None:
    doubt = InDoubtError("maybe", attempt="a1")
    failed = TaskFailedError("no", task_id="t", code=80006, retryable=False)
    found = incomplete(
        [
            outcome("a/1", "failed", error=failed),
            outcome("a/2", "failed", error=budget()),
            outcome("a/3", "in doubt", error=doubt),
        ],
        would_cost=7,
        unjoined=None,
    )
    assert found is not None
    assert found.exit_code == 4
    assert "7 credits" in str(found)


def test_a_key_that_is_refused_is_bad_input_until_something_was_bought() -> None:
    refused = outcome("a/2", "failed", error=KeyRefusedError("no"))
    nothing = incomplete([outcome("a/1", "current"), refused], would_cost=1, unjoined=None)
    halfway = incomplete([outcome("a/1", "bought"), refused], would_cost=1, unjoined=None)
    assert nothing is not None
    assert halfway is not None
    assert (nothing.exit_code, halfway.exit_code) == (2, 1)


def test_an_extra_take_that_failed_for_good_is_no_error_and_one_that_money_stopped_is() -> None:
    failed = TaskFailedError("no", task_id="t", code=80006, retryable=False)
    assert incomplete([outcome("a/1", "bought", error=failed)], would_cost=0, unjoined=None) is None
    stopped = incomplete([outcome("a/1", "bought", error=budget())], would_cost=3, unjoined=None)
    assert stopped is not None
    assert stopped.exit_code == 3
    assert "the film is complete" in str(stopped)


def test_an_extra_take_that_was_paid_and_could_not_be_fetched_is_an_error() -> None:
    away = ProviderUnavailableError("the clip of take 2 does not come")
    found = incomplete([outcome("a/1", "bought", error=away)], would_cost=0, unjoined=None)
    assert found is not None
    assert found.exit_code == 1
    assert "the film is complete, but 1 of its extra takes are missing (0 credits to buy)" in str(found)


def test_what_is_under_way_is_counted_with_its_credits() -> None:
    assert under_way(0, 0) == "nothing is under way"
    assert under_way(1, 320) == "1 attempt is under way (320 credits); the next run takes it up"
    assert under_way(3, 960) == "3 attempts are under way (960 credits); the next run takes them up"


def test_seams_are_named_with_what_the_join_left_of_them() -> None:
    assert seam_notes({}, {}) == []
    shown, hidden = seam_notes({"a/two": 4.5}, {"a/three": (9.2, 1.5)})
    assert "visible before a/two (4.5)" in shown
    assert hidden == "a step of color was corrected before a/three (from 9.2 to 1.5 levels)"
