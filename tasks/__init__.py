"""One Prefect task per step. They name the step, its retries and its place in the UI; the step itself is in `longtake`."""

from longtake.take import Steps
from tasks import pacing
from tasks.join import join
from tasks.keep import keep
from tasks.poll import poll
from tasks.submit import submit
from tasks.upload import upload

STEPS = Steps(
    upload=pacing.paced(upload), submit=pacing.paced(submit), poll=pacing.paced(poll), keep=pacing.paced(keep)
)
"""The steps of a take as Prefect tasks, started no faster than a server takes them in."""

__all__ = ["STEPS", "join", "keep", "poll", "submit", "upload"]
