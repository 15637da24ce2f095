"""Poll: one loop inside one task, which costs the Prefect server far less than a retry or a task per poll."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from longtake import take
from longtake.ledger import Attempt
from longtake.provider import Task
from longtake.take import Session


@task(name="poll", task_run_name="shot {attempt.order.label} · poll", cache_policy=NO_CACHE, persist_result=False)
async def poll(session: Session, attempt: Attempt) -> Task:
    """Wait until the provider is done with an accepted attempt; polling is free."""
    return await take.poll(session, attempt)
