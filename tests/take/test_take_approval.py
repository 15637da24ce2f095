"""What a person approves is a cap of the run, beside the caps that stand."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from longtake.errors import BudgetError
from longtake.ledger.state import RUN_MEMORY
from longtake.storyboard import Approval


def with_session(studio, work, **budgets: Any):
    settings = {name: budgets.pop(name) for name in ("run_cap", "day_cap") if name in budgets}

    async def inside():
        from longtake.take import open_session

        chosen = studio.settings.model_copy(update=settings)
        given = {"budget": None, **budgets}
        async with open_session(chosen, catalog=studio.catalog, film="two-takes", run="this", **given) as session:
            return work(session)

    return asyncio.run(inside())


@pytest.mark.parametrize(
    ("budgets", "approved", "lift", "caps"),
    [
        ({}, 500, False, (None, 500)),
        ({"run_budget": 300}, 500, False, (None, 300)),
        ({"run_budget": 300}, 500, True, (None, 500)),
        ({"run_cap": 400}, 500, True, (None, 400)),
        ({"budget": 200}, 500, False, (200, 500)),
        ({"budget": 200}, 500, True, (500, 500)),
        ({"budget": 900}, 500, True, (900, 500)),
    ],
)
def test_an_answer_is_the_runs_cap_and_lifts_only_what_was_asked_about(make_studio, budgets, approved, lift, caps):
    def work(session):
        session.approve(approved, lift=lift)
        return session.caps.film, session.caps.run

    assert with_session(make_studio(), work, **budgets) == caps


def test_a_budget_that_was_lifted_stays_so_for_later_answers(make_studio):
    def work(session):
        session.approve(500, lift=True)
        session.approve(450)
        return session.caps.run

    assert with_session(make_studio(), work, run_budget=300) == 450


def test_nothing_approved_buys_nothing(make_studio):
    def work(session):
        session.approve(0)
        with pytest.raises(BudgetError, match="run cap of 0"):
            session.book.afford(session.caps, film=session.film, run=session.run, credits=1)

    with_session(make_studio(), work)


def test_a_run_is_remembered_for_longer_than_a_question_may_wait():
    longest = max(rule.le for rule in Approval.model_fields["hours"].metadata if hasattr(rule, "le"))
    assert timedelta(hours=longest) + timedelta(days=1) < RUN_MEMORY
