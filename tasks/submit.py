"""Submit: the one step that costs money."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from longtake import take
from longtake.ledger import Attempt
from longtake.take import Prepared, Session, Take


@task(
    name="submit",
    task_run_name="shot {prepared.identity.wanted.label} · submit",
    cache_policy=NO_CACHE,
    persist_result=False,
    retries=0,  # never: a POST that may be repeated is a take paid twice; the ledger decides what may be asked again
)
async def submit(session: Session, prepared: Prepared) -> Attempt | Take:
    """Claim a take in the ledger and buy it with exactly one POST, or join whoever has it."""
    return await take.submit(session, prepared)
