"""How the steps are set up as Prefect tasks: the ledger decides what is bought, never the engine."""

from __future__ import annotations

import inspect

import pytest
from prefect.cache_policies import NO_CACHE
from prefect.states import Failed

from longtake import errors, flows, take, tasks
from longtake.tasks.retrying import when_transient

STEPS = {name: getattr(tasks, name) for name in ("upload", "submit", "poll", "keep", "join")}


@pytest.mark.parametrize("name", STEPS)
def test_no_step_is_cached_or_kept_by_the_engine(name):
    step = STEPS[name]
    assert step.name == name
    assert step.cache_policy is NO_CACHE
    assert step.persist_result is False


def test_the_paid_step_is_never_repeated_by_the_engine():
    assert tasks.submit.retries == 0
    assert tasks.submit.retry_condition_fn is None


@pytest.mark.parametrize("name", ["upload", "keep", "join"])
def test_other_steps_are_repeated_only_after_errors_that_may_pass(name):
    step = STEPS[name]
    assert step.retries > 0
    assert step.retry_condition_fn is when_transient


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (errors.StoreError("away", key="k"), True),
        (errors.ProviderUnavailableError("away", retry_after=None), True),
        (errors.MediaError("not an MP4"), False),
        (errors.InDoubtError("lost", attempt="a1"), False),
        (errors.BudgetError("no"), False),
        (ValueError("a bug"), False),
    ],
)
def test_which_errors_may_pass(error, again):
    assert when_transient(tasks.keep, None, Failed(data=error)) is again


def test_flows_and_films_are_never_repeated_or_kept_by_the_engine():
    for flow in (flows.storyboard, flows.reconcile):
        assert flow.retries == 0
        assert flow.persist_result is False


@pytest.mark.parametrize("name", ["upload", "submit", "poll", "keep"])
def test_a_step_as_a_task_takes_what_the_plain_step_takes(name):
    wrapped, plain = getattr(tasks.STEPS, name), getattr(take.PLAIN, name)
    assert list(inspect.signature(wrapped.fn).parameters) == list(inspect.signature(plain).parameters)
