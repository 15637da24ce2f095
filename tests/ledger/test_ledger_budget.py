"""A budget gives plans, approvals, dispatch and claims the same answer, and no order of events spends more than it."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from purchases import purchase

from examples import examples
from longtake.errors import BudgetError
from longtake.ledger import Budget, LedgerState, Used, fold
from longtake.ledger import entries as e

CREDITS = st.integers(0, 400)
LIMITS = st.none() | CREDITS
BUDGETS = st.builds(Budget, film=LIMITS, run=LIMITS, day=LIMITS)
FIXED = st.builds(Budget, run=LIMITS, day=LIMITS)


@st.composite
def used_credits(draw, others: int = 400) -> Used:
    """What a run used is part of what its film and its day used."""
    run = draw(CREDITS)
    return Used(film=run + draw(st.integers(0, others)), run=run, day=run + draw(st.integers(0, others)))


def lower(one: int | None, other: int | None) -> bool:
    """Whether the first budget is not above the second."""
    return other is None or (one is not None and one <= other)


@given(BUDGETS, CREDITS, used_credits())
def test_what_is_left_is_what_fits(budget, credits, used):
    left = budget.left(used)
    assert budget.allows(credits, used) is (credits == 0 or left is None or credits <= left)


@given(BUDGETS, CREDITS, CREDITS, used_credits(), used_credits())
def test_less_fits_where_more_does(budget, one, two, used, more):
    total = Used(film=used.film + more.film, run=used.run + more.run, day=used.day + more.day)
    if budget.allows(max(one, two), total):
        assert budget.allows(min(one, two), used)


@given(BUDGETS, BUDGETS, CREDITS, used_credits())
def test_the_lower_of_two_budgets_allows_what_both_allow(one, two, credits, used):
    both = one.allows(credits, used) and two.allows(credits, used)
    assert one.within(two).allows(credits, used) is both
    assert one.within(two) == two.within(one)


@given(BUDGETS, CREDITS, used_credits())
def test_a_check_raises_for_the_first_budget_that_refuses(budget, credits, used):
    refusals = budget.refusals(credits, used)
    for one in refusals:
        assert one.budget == getattr(budget, one.scope)
        assert one.available == max(0, one.budget - getattr(used, one.scope)) < credits == one.needed
    if not refusals:
        budget.check(credits, used)
        return
    with pytest.raises(BudgetError) as caught:
        budget.check(credits, used, "one/pier")
    first, error = refusals[0], caught.value
    assert (error.scope, error.budget, error.needed, error.available) == (
        first.scope, first.budget, first.needed, first.available,
    )  # fmt: skip
    assert error.message == (
        f"one/pier needs {credits} credits and the {first.scope} budget of {first.budget} has {first.available} left"
    )


@given(BUDGETS, FIXED, CREDITS, used_credits(), st.booleans())
def test_an_approval_never_exceeds_what_was_approved_nor_what_nobody_can_lift(budget, fixed, credits, used, lift):
    budget = budget.within(fixed)
    approved = budget.approve(credits, used=used, lift=lift, fixed=fixed)
    assert approved.run is not None
    assert approved.run <= credits
    assert lower(approved.run, fixed.run)
    assert approved.day == budget.day
    if not lift:
        assert approved == budget.within(Budget(run=credits))


@given(BUDGETS, CREDITS, used_credits())
def test_a_lifted_budget_has_room_for_what_was_approved_and_keeps_what_it_had(budget, credits, used):
    approved = Budget(film=budget.film).approve(credits, used=used, lift=True)
    assert lower(budget.film, approved.film)
    rest = max(0, credits - used.run)
    assert approved.allows(rest, used)
    assert not approved.allows(rest + 1, used)


@pytest.mark.parametrize(("lift", "film", "run"), [(True, 1000, 1000), (False, 100, 50)])
def test_an_approval_leaves_the_budgets_of_the_set_and_the_day(lift, film, run):
    budget = Budget(film=100, set=200, run=50, day=300)
    assert budget.approve(1000, used=Used(), lift=lift) == Budget(film=film, set=200, run=run, day=300)


@given(BUDGETS, CREDITS, CREDITS, used_credits())
def test_what_other_accounts_used_counts_against_the_film_alone(budget, credits, elsewhere, used):
    counted = used.plus(film=elsewhere)
    assert (counted.run, counted.day) == (used.run, used.day)
    less = budget if budget.film is None else budget.model_copy(update={"film": max(0, budget.film - elsewhere)})
    assert budget.allows(credits, counted) is less.allows(credits, used)


CLAIM = st.tuples(st.just("claim"), st.integers(0, 2), st.integers(1, 120))
APPROVE = st.tuples(st.sampled_from(["approve", "lift"]), st.integers(0, 2), CREDITS)


@examples(300)
@given(
    BUDGETS,
    FIXED,
    st.integers(0, 200),
    st.lists(CLAIM | APPROVE | st.tuples(st.just("refund"), st.integers(0, 2), st.integers(1, 120)), max_size=30),
)
def test_no_order_of_claims_and_approvals_overspends(budget, fixed, elsewhere, steps):
    """Three runs of one film by one account; another account used `elsewhere` of the film's budget before."""
    start = budget.within(fixed)
    status, force = [start] * 3, [start] * 3
    spent = [0, 0, 0]
    highest = start.film
    asked = [start.run] * 3
    for what, run, credits in steps:
        used = Used(film=sum(spent), run=spent[run], day=sum(spent)).plus(film=elsewhere)
        if what == "refund":
            spent[run] = max(0, spent[run] - credits)
        elif what == "claim":
            if force[run].allows(credits, used):
                spent[run] += credits
        else:
            lift = what == "lift"
            force[run] = status[run].approve(credits, used=used, lift=lift, fixed=fixed)
            if lift:
                status[run] = force[run]
                asked[run] = max(asked[run], credits) if asked[run] is not None else None
                if highest is not None:
                    highest = max(highest, force[run].film)
        assert sum(spent) == 0 or lower(elsewhere + sum(spent), highest)
        assert lower(sum(spent), fixed.day)
        for cost, most in zip(spent, asked, strict=True):
            assert lower(cost, fixed.run)
            assert cost == 0 or lower(cost, most)


START = datetime(2026, 11, 22, 23, 50, tzinfo=UTC)


ENDS = st.sampled_from(["open", "done", "settled", "due", "missing"])


def play(state, number, order, how):
    """One attempt that comes as far as `how` says; what counts of it as used, and as a refund that is waited for."""
    at, name = START + timedelta(minutes=number), f"a{state.head + 1}"

    def entry(kind, **fields):
        fold.apply(state, state.head + 1, kind(at=at, by="w", attempt=name, **fields))

    fold.apply(state, state.head + 1, e.Intent(at=at, by="w", order=order, number=1, lease_until=at, body={}))
    if how == "open":
        return order.reserve, 0
    entry(e.Accepted, task_id=f"task_{number:08}")
    if how in {"done", "settled"}:
        charge = order.reserve + 7
        entry(e.Completed, credits=charge)
        if how == "settled":
            entry(e.Settled, credits=charge, basis="usage", clip="c" * 64)
        return charge, 0
    entry(e.Failed, code=80003, message="", retryable=True)
    entry(e.Refunded, credits=order.reserve, proof="contract")
    if how == "missing":
        entry(e.RefundMissing, credits=order.reserve)
    return order.reserve, order.reserve


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 2), st.integers(1, 90), ENDS), max_size=20))
def test_what_is_used_is_the_sum_of_what_counts_in_each_scope(attempts):
    state, counts = LedgerState(), []
    for number, (film, run, credits, how) in enumerate(attempts):
        order = purchase(number, credits=credits, film=f"film-{film}", run=f"run-{run}", set="a-set" if film else "")
        used, due = play(state, number, order, how)
        day = f"{START + timedelta(minutes=number):%Y-%m-%d}"
        counts.append(({"film": order.film, "set": order.set, "run": order.run, "day": day}, used, due))

    def total(which, **scope):
        ((name, value),) = scope.items()
        return sum(one[which] for one in counts if value and one[0][name] == value)

    for film in ("film-0", "film-1"):
        for run in ("run-0", "run-2", "unknown"):
            for day in ("2026-11-22", "2026-11-23"):
                scopes = {"film": film, "set": "a-set" if film == "film-1" else "", "run": run, "day": day}
                found = state.used(film=film, run=run, day=day, film_set=scopes["set"])
                due = {name: total(2, **{name: value}) for name, value in scopes.items()}
                used = {name: total(1, **{name: value}) for name, value in scopes.items()}
                assert found == Used(**used, refunds={name: credits for name, credits in due.items() if credits})
                for name in ("film", "run", "day"):
                    assert getattr(state.used(**{name: scopes[name]}), name) == used[name]


def test_a_budget_is_a_value():
    budget = Budget(film=900, run=400)
    assert pickle.loads(pickle.dumps(budget)) == budget == Budget.model_validate_json(budget.model_dump_json())  # noqa: S301 - our own bytes
    assert hash(budget) == hash(Budget(film=900, run=400))
    assert Budget().left(Used(film=10**9)) is None
