"""Upload: inputs into the store, readable by the provider."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from longtake import take
from longtake.take import Identity, Prepared, Session
from longtake.tasks.retrying import when_transient


@task(
    name="upload",
    task_run_name="shot {identity.wanted.label} · upload",
    cache_policy=NO_CACHE,
    persist_result=False,
    retries=3,
    retry_delay_seconds=[2, 5, 15],
    retry_condition_fn=when_transient,
)
async def upload(session: Session, identity: Identity, *, rehost: int = 0) -> Prepared:
    """Put a take's inputs into the store, once per digest; costs nothing and may be repeated."""
    return await take.upload(session, identity, rehost=rehost)
