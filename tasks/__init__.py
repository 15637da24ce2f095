"""One Prefect task per step. They name the step, its retries and its place in the UI; the step itself is in `longtake`."""

from longtake.take import Steps
from longtake.tasks import pacing
from longtake.tasks.join import join
from longtake.tasks.keep import keep
from longtake.tasks.poll import poll
from longtake.tasks.submit import submit
from longtake.tasks.upload import upload

STEPS = Steps(
    upload=pacing.paced(upload), submit=pacing.paced(submit), poll=pacing.paced(poll), keep=pacing.paced(keep)
)
"""The steps of a take as Prefect tasks, started no faster than a server takes them in."""

__all__ = ["STEPS", "join", "keep", "poll", "submit", "upload"]
