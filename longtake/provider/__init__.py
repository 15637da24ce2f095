"""The HTTP client of the video provider: one POST, polls, the balance, and the copying of results.

Everything that answers is hostile until checked. What an outcome of the paid POST means is decided in `outcomes`;
nothing in this package, nor below it, ever sends that POST a second time.
"""

from longtake.provider.cadence import Cadence as Cadence
from longtake.provider.client import Provider as Provider
from longtake.provider.codes import wants_rehosting as wants_rehosting
from longtake.provider.hosts import check_url as check_url
from longtake.provider.outcomes import Accepted as Accepted
from longtake.provider.part import Fetched as Fetched
from longtake.provider.part import Receiver as Receiver
from longtake.provider.readable import Readable as Readable
from longtake.provider.tasks import Task as Task
from longtake.provider.tasks import failure as failure

__all__ = [
    "Accepted",
    "Cadence",
    "Fetched",
    "Provider",
    "Readable",
    "Receiver",
    "Task",
    "check_url",
    "failure",
    "wants_rehosting",
]
