"""Keep: results into the store, the take into the record, the charge into the ledger."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from longtake import take
from longtake.ledger import Attempt
from longtake.provider import Task
from longtake.take import Prepared, Session, Take
from longtake.tasks.retrying import when_transient


@task(
    name="keep",
    task_run_name="shot {prepared.identity.wanted.label} · keep",
    cache_policy=NO_CACHE,
    persist_result=False,
    retries=3,
    retry_delay_seconds=[2, 5, 15],
    retry_condition_fn=when_transient,
)
async def keep(session: Session, prepared: Prepared, attempt: Attempt, task: Task) -> Take:
    """Copy a finished task's results before their URLs expire, check them, and settle the attempt."""
    return await take.keep(session, prepared, attempt, task)
