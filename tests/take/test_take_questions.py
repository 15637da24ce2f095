"""What a person is asked before credits are spent, and what each answer lets the run spend."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest
from purchases import claim, purchase

from longtake.errors import BudgetError, LedgerError, LongtakeError, SettingsError
from longtake.ledger import Budget
from longtake.observer import Observer
from longtake.report import ShotOutcome
from longtake.storyboard import Approval
from longtake.studio.approval import Answer, approve_plan, approve_rest, check_approver
from longtake.studio.shooting import MadeShot

YES, NO = Answer(approve=True, by="Ada"), Answer(approve=False, by="Ada")
SPENT = 100
"""Credits that the run has spent before it asks."""


@dataclass
class Asked:
    """The film of two shots, each of 320 credits: what was asked, what came of it, and the budget then."""

    reserve: int = 0
    shot: int = 0
    questions: list = field(default_factory=list)
    events: list = field(default_factory=list)
    lines: list = field(default_factory=list)
    error: Exception | None = None
    halted: Exception | None = None
    budget: Budget | None = None
    later: LongtakeError | None = None
    """What stops purchases when there is room again."""

    @property
    def question(self):
        (only,) = self.questions
        return only


def reach(session, credits):
    """Refuse the run a purchase because another has reserved its budget; returns what makes room again."""
    spending, ledger = session.spending, session.ledger
    other = claim(ledger, purchase("other", credits=spending.budget.left(spending.used(ledger)))).attempt
    with pytest.raises(BudgetError) as caught:
        spending.check(ledger, credits)
    spending.halt(caught.value)
    return lambda: ledger.not_sent(other, "given up")


@pytest.fixture
def ask(open_account):
    account = open_account()

    def run(
        before,
        answer=None,
        *,
        rest=False,
        fixed=None,
        kept=(),
        halted=None,
        room=None,
        silence="stop",
        prepare=None,
        **budget,
    ):
        resolved, asked = account.resolve(), Asked()
        found = account.plan(store=None)
        asked.reserve, asked.shot = found.reserve, found.shots[0].reserve
        nothing = {"to_buy": 0, "reserve": 0, "expected": 0}
        rows = tuple(row.model_copy(update=nothing) if row.id in kept else row for row in found.shots)
        found = found.model_copy(update={"shots": rows, "reserve": sum(row.reserve for row in rows)})
        if budget.get("plan") is not None:
            found = budget["plan"](found)

        class Watch(Observer):
            def notify(self, event):
                (asked.events if event.name else asked.lines).append(event.name or event.text)

        async def approver(question):
            asked.questions.append(question)
            return answer

        async def work():
            given = {"budget": budget.get("film"), "run_budget": budget.get("run"), "observer": Watch()}
            async with account.using(run_budget=fixed).session(run="this", **given) as session:
                before_it = claim(session.ledger, purchase("before", credits=SPENT, run="this"))
                if prepare is not None:
                    prepare(session.ledger, before_it.attempt)
                session.spending.halted = halted
                make_room = reach(session, asked.shot) if room is not None else None
                if room == "before":
                    make_room()
                approval = Approval(before=list(before), hours=2, silence=silence)
                try:
                    if rest:
                        first = MadeShot(ShotOutcome(resolved.shots[0], "bought"), None)
                        await approve_rest(session, found, approval, approver, {"one": first})
                    else:
                        await approve_plan(session, found, approval, approver)
                except BudgetError as error:
                    asked.error = error
                asked.halted, asked.budget = session.spending.halted, session.spending.budget
                if room == "after":
                    make_room()
                    asked.later = session.spending.standing(session.ledger)

        asyncio.run(work())
        return asked

    return run


def test_a_question_says_what_the_run_would_cost_in_all(ask) -> None:
    asked = ask(["spending"], YES)
    question = asked.question
    assert (question.film, question.subject, question.seconds) == ("a-film", "spending", 7200)
    assert question.account.startswith("127.0.0.1-")
    assert "\n\n| scene | takes | credits | shots |\n|---|---:|---:|---|\n| s | 2 |" in question.text
    assert (question.credits, question.silence, question.pictures) == (SPENT + asked.reserve, None, ())
    assert f"up to **{SPENT + asked.reserve} credits** in all" in question.text
    assert f"2 takes for **{asked.reserve} credits** expected, {asked.reserve} reserved" in question.text
    assert f"| s | 2 | {asked.reserve} | one (missing), two (blocked) |" in question.text
    assert asked.budget == Budget(run=SPENT + asked.reserve)


@pytest.mark.parametrize("run", [None, 2000])
def test_silence_approves_the_price_and_no_more(ask, run) -> None:
    asked = ask(["spending"], silence="go on", run=run)
    assert asked.question.silence == Answer(approve=True, credits=SPENT + asked.reserve, by="silence, after 2 hours")


def test_an_answer_with_fewer_credits_is_the_budget(ask) -> None:
    assert ask(["spending"], Answer(approve=True, credits=150)).budget == Budget(run=150)
    assert ask(["spending"], Answer(approve=True, credits=0)).budget == Budget(run=0)


@pytest.mark.parametrize(("answer", "said"), [(NO, "was not approved by Ada"), (None, "no answer came in time")])
@pytest.mark.parametrize("subject", ["spending", "more than the budget"])
def test_without_an_approval_the_run_ends(ask, subject, answer, said) -> None:
    film = {"film": SPENT + 1} if subject == "more than the budget" else {}
    asked = ask([subject], answer, **film)
    assert asked.question.subject == subject
    assert said in str(asked.error)
    assert (asked.error.needed, asked.error.available) == (SPENT + asked.reserve, 0)
    assert asked.budget == Budget(**film)


def test_nobody_is_asked_where_the_run_does_not_want_it(ask) -> None:
    asked = ask([])
    assert (asked.questions, asked.error, asked.budget) == ([], None, Budget())
    asked = ask(["the rest"])
    assert (asked.questions, asked.error, asked.budget) == ([], None, Budget())


def test_what_does_not_fit_is_refused_without_a_question(ask) -> None:
    fits = ask([]).reserve + SPENT
    assert ask([], film=fits).error is None
    asked = ask(["spending"], YES, film=fits - 1)
    assert (asked.questions, asked.error.scope, asked.events) == ([], "film", ["budget.refused"])


def test_an_answer_about_more_than_the_budget_lifts_that_of_the_film(ask) -> None:
    asked = ask(["more than the budget"], YES, film=150)
    assert asked.question.subject == "more than the budget"
    assert asked.question.text.startswith("**a-film**: what is missing does not fit: ")
    assert "The film's budget is" not in asked.question.text
    everything = SPENT + asked.reserve
    assert asked.budget == Budget(film=everything, run=everything)
    assert ask(["more than the budget"], YES, film=everything).questions == [], "it fits"


def test_what_a_person_cannot_lift_is_not_asked_about(ask) -> None:
    asked = ask(["more than the budget"], YES, film=150, fixed=SPENT + 1)
    assert (asked.questions, asked.error.scope) == ([], "run")


def test_where_nothing_is_to_be_bought_nothing_more_may_be_without_a_question(ask) -> None:
    asked = ask(["spending"], YES, kept=("one", "two"))
    assert (asked.questions, asked.budget) == ([], Budget(run=SPENT))
    asked = ask(["the rest"], YES, rest=True, kept=("one", "two"))
    assert (asked.questions, asked.budget, asked.halted) == ([], Budget(run=SPENT), None)


def test_the_rest_is_asked_about_with_its_own_price(ask) -> None:
    asked = ask(["the rest"], YES, rest=True, kept=("one",))
    rest = asked.reserve - asked.shot
    assert (asked.question.subject, asked.question.credits) == ("the rest", SPENT + rest)
    assert f"| s | 1 | {rest} | two (blocked) |" in asked.question.text
    assert (asked.budget, asked.halted) == (Budget(run=SPENT + rest), None)


def test_a_first_shot_that_failed_is_part_of_the_rest(ask) -> None:
    asked = ask(["the rest"], YES, rest=True)
    assert asked.question.credits == SPENT + asked.reserve
    assert f"| s | 2 | {asked.reserve} | one (missing), two (blocked) |" in asked.question.text


@pytest.mark.parametrize("answer", [NO, None])
def test_without_an_approval_of_the_rest_nothing_more_is_bought(ask, answer) -> None:
    asked = ask(["the rest"], answer, rest=True)
    assert len(asked.questions) == 1
    assert isinstance(asked.halted, BudgetError)


def test_a_rest_that_does_not_fit_is_not_asked_about_nor_bought(ask) -> None:
    asked = ask(["the rest"], YES, rest=True, film=SPENT + 1)
    assert (asked.questions, asked.halted.scope) == ([], "film")


def test_a_run_that_buys_nothing_more_does_not_ask(ask) -> None:
    stopped = LedgerError("stopped")
    asked = ask(["the rest"], YES, rest=True, halted=stopped)
    assert (asked.questions, asked.halted, asked.budget) == ([], stopped, Budget())


@pytest.mark.parametrize("rest", [False, True], ids=["spending", "the rest"])
def test_a_budget_that_stops_a_run_when_it_would_ask_stops_it_for_good(ask, rest) -> None:
    """Room that comes later would be used without a question."""
    subject = "the rest" if rest else "spending"
    asked = ask([subject], YES, rest=rest, room="after", film=2000)
    assert (asked.questions, asked.halted.scope, asked.budget) == ([], "film", Budget(film=2000))
    assert asked.later is asked.halted


@pytest.mark.parametrize("rest", [False, True], ids=["spending", "the rest"])
def test_a_run_that_has_room_again_asks(ask, rest) -> None:
    asked = ask(["the rest" if rest else "spending"], YES, rest=rest, room="before", film=2000)
    assert (asked.question.credits, asked.halted) == (SPENT + asked.reserve, None)


def test_a_run_that_asks_needs_somebody_to_ask() -> None:
    async def somebody(question):
        return None

    check_approver(Approval(), None)
    check_approver(Approval(before=["spending"]), somebody)
    with pytest.raises(SettingsError, match="no approver is set"):
        check_approver(Approval(before=["the rest"]), None)


# -- refunds and long plans ----------------------------------------------------------------------------------------------


def owes_a_refund(ledger):
    """A task of 320 credits failed, and the balance has not shown its refund."""
    failed = claim(ledger, purchase("failed", credits=320, film="a-film", run="another")).attempt
    ledger.accepted(failed, "task_of_the_failed")
    ledger.failed(failed, code=80003, message="overloaded", retryable=True)


def at_work(ledger, attempt):
    owes_a_refund(ledger)
    ledger.accepted(attempt, "task_under_way")


def quiet(ledger, attempt):
    at_work(ledger, attempt)
    ledger.completed(attempt, SPENT)


def test_a_plan_that_fits_with_refunds_that_tasks_hide_begins(ask) -> None:
    fits = ask([], prepare=at_work).reserve + SPENT  # the ledger stays so for the next runs
    asked = ask([], film=fits)
    assert (asked.error, asked.events) == (None, [])
    assert "only with 320 credits of refunds" in asked.lines[0]
    assert ask([], film=fits + 320).lines == []
    refused = ask([], film=fits - 1)
    assert (refused.error.scope, refused.events) == ("film", ["budget.refused"])


def test_where_nothing_is_under_way_a_plan_that_needs_refunds_is_refused(ask) -> None:
    asked = ask([], film=ask([], prepare=quiet).reserve + SPENT)
    assert (asked.error.scope, asked.error.refunds, asked.events) == ("film", 320, ["budget.refused"])


def test_a_question_names_thirty_scenes_and_thirty_shots_of_each(ask) -> None:
    def long(scenes, shots):
        def change(plan):
            row = plan.shots[0]
            rows = [(f"scene-{n}", f"shot-{n}") for n in range(scenes)]
            rows += [("scene-0", f"more-{n}") for n in range(shots - 1)]
            rows = tuple(row.model_copy(update={"scene": scene, "id": name}) for scene, name in rows)
            whole = {"shots": rows, "reserve": sum(one.reserve for one in rows), "planning_rates": scenes > 30}
            return plan.model_copy(update=whole)

        return ask(["spending"], YES, plan=change)

    def table(asked):
        return [line for line in asked.question.text.splitlines() if line.startswith("| scene-")]

    asked = long(30, 30)
    assert (len(table(asked)), "more" in asked.question.text.replace("more-", "")) == (30, False)
    assert table(asked)[1] == f"| scene-1 | 1 | {asked.shot} | shot-1 (missing) |"
    assert table(asked)[0].startswith(f"| scene-0 | 30 | {30 * asked.shot} | shot-0 (missing), more-0 (missing), ")
    assert "planning rate" not in asked.question.text
    asked = long(32, 33)
    assert len(table(asked)) == 30
    assert asked.question.text.count("(missing)") == 30 + 29
    assert table(asked)[0].endswith(" and 3 more |")
    assert "| and 2 more scenes | | | |" in asked.question.text
    assert asked.question.text.endswith("\n\nThe price is a planning rate: the provider has not published one.")


def test_a_question_says_what_the_films_budget_is_and_how_much_of_it_is_used(ask) -> None:
    def with_budget(plan):
        used = plan.used.model_copy(update={"film": 70})
        return plan.model_copy(update={"budget": Budget(film=9000), "used": used})

    asked = ask(["spending"], YES, plan=with_budget)
    assert "\n\nThe film's budget is 9000 credits, 70 of it used." in asked.question.text
    assert asked.lines == [
        f"asking whether this run may cost {SPENT + asked.reserve} credits (spending)",
        f"approved by Ada: up to {SPENT + asked.reserve} credits in this run",
    ]
