"""What a person approves is a budget of the run; the budgets of the settings stay."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from boards import FILM

from longtake.errors import BudgetError
from longtake.ledger import Budget
from longtake.ledger.fold import RUN_MEMORY
from longtake.plan.agreement import Agreement
from longtake.storyboard import Approval
from longtake.studio.approval import Answer, approve_plan


def with_session(account, work, **budgets: Any):
    if "settings" in budgets:
        account = account.using(run_budget=budgets.pop("settings"))

    async def inside():
        async with account.session(run="this", **budgets) as session:
            return work(session)

    return asyncio.run(inside())


@pytest.mark.parametrize(
    ("budgets", "approved", "lift", "in_force"),
    [
        ({}, 500, False, (None, 500)),
        ({"run_budget": 300}, 500, False, (None, 300)),
        ({"run_budget": 300}, 500, True, (None, 500)),
        ({"settings": 400}, 500, True, (None, 400)),
        ({"budget": 200}, 500, False, (200, 500)),
        ({"budget": 200}, 500, True, (500, 500)),
        ({"budget": 900}, 500, True, (900, 500)),
    ],
)
def test_an_answer_is_the_runs_budget_and_lifts_only_what_was_asked_about(
    open_account, budgets, approved, lift, in_force
):
    def work(session):
        session.spending.approve(session.ledger, approved, lift=lift)
        return session.spending.budget.film, session.spending.budget.run

    assert with_session(open_account(), work, **budgets) == in_force


def test_a_budget_that_was_lifted_stays_so_for_later_answers(open_account):
    def work(session):
        session.spending.approve(session.ledger, 500, lift=True)
        session.spending.approve(session.ledger, 450)
        return session.spending.budget.run

    assert with_session(open_account(), work, run_budget=300) == 450


@pytest.mark.parametrize("less", [0, 1])
def test_no_answer_lifts_what_was_agreed_to_with_a_digest(open_account, less):
    """`Studio.make(expect=…)` spends no more than the plan of the digest reserves, whoever approves more."""
    account = open_account()
    found = account.plan(store=None)
    most = found.reserve - less
    asked = []

    async def yes(question):
        asked.append(question.subject)
        return Answer(approve=True, credits=2 * found.reserve)

    async def inside():
        async with account.session(run="this", budget=100) as session:
            session.spending.hold_to(
                Agreement(film=FILM, digest="a" * 32, board_digest="b", account="x", takes=(), reserve=most)
            )
            await approve_plan(session, found, Approval(before=["more than the budget"]), yes)
            return session.spending.budget.run, session.spending.base.run

    if less:
        with pytest.raises(BudgetError, match=f"run budget of {most}"):
            asyncio.run(inside())
        assert asked == []
    else:
        assert asyncio.run(inside()) == (most, most)
        assert asked == ["more than the budget"]


def test_nothing_approved_buys_nothing(open_account):
    def work(session):
        session.spending.approve(session.ledger, 0)
        with pytest.raises(BudgetError, match="run budget of 0"):
            session.spending.check(session.ledger, 1)

    with_session(open_account(), work)


@pytest.mark.parametrize("subject", ["more than the budget", "spending"])
def test_silence_never_lifts_a_budget(open_account, subject):
    """With `silence: go on`, a question that nobody answers buys what fits, and about more than the budget nothing."""
    account = open_account()
    found = account.plan(store=None)
    asked = []

    async def silent(question):
        asked.append((question.subject, question.silence is not None))
        return question.silence

    async def inside():
        budget = found.reserve - (subject == "more than the budget")
        async with account.session() as session:
            session.spending.base = session.spending.budget = Budget(film=budget)
            await approve_plan(session, found, Approval(before=[subject], silence="go on"), silent)
            return session.spending.budget

    if subject == "spending":
        assert asyncio.run(inside()) == Budget(film=found.reserve, run=found.reserve)
    else:
        with pytest.raises(BudgetError, match="no answer came in time"):
            asyncio.run(inside())
    assert asked == [(subject, subject == "spending")]


def test_a_run_is_remembered_for_longer_than_a_question_may_wait():
    longest = max(rule.le for rule in Approval.model_fields["hours"].metadata if hasattr(rule, "le"))
    assert timedelta(hours=longest) + timedelta(days=1) < RUN_MEMORY
