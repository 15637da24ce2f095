"""How the steps are set up as Prefect tasks: the ledger decides what is bought, never the engine."""

from __future__ import annotations

import pytest
from prefect.cache_policies import NO_CACHE
from prefect.states import Failed

from longtake import errors, flows, tasks
from longtake.prefect import observer
from longtake.prefect.retrying import when_transient

STEPS = ("upload", "submit", "poll", "ingest", "concatenate")
ALL = [*(getattr(tasks, name) for name in tasks.__all__), *observer.TASKS.values()]


@pytest.mark.parametrize("task", ALL)
def test_no_step_is_cached_or_kept_by_the_engine(task):
    assert task.cache_policy is NO_CACHE
    assert task.persist_result is False


@pytest.mark.parametrize("task", [tasks.submit, tasks.generate, observer.TASKS["submit"]])
def test_a_paid_step_is_never_repeated_by_the_engine(task):
    assert task.retries == 0
    assert task.retry_condition_fn is None


@pytest.mark.parametrize("name", ["upload", "ingest", "concatenate"])
def test_other_steps_are_repeated_only_after_errors_that_may_pass(name):
    for task in (getattr(tasks, name), observer.TASKS[name]):
        assert task.retries > 0
        assert task.retry_condition_fn is when_transient


@pytest.mark.parametrize("name", STEPS)
def test_a_step_has_one_name_alone_and_in_a_film(name):
    assert getattr(tasks, name).name == observer.TASKS[name].name == name


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
    assert when_transient(tasks.ingest, None, Failed(data=error)) is again


def test_flows_are_never_repeated_or_kept_by_the_engine():
    for flow in (flows.storyboard, flows.scene, flows.reconcile):
        assert flow.retries == 0
        assert flow.persist_result is False
