"""The HTTP client of the video provider: one POST, polls, the balance, and downloads of results.

Every answer is checked before it is used. `submit_outcome` decides what an outcome of the paid POST means; nothing in this
package, nor below it, ever sends that POST a second time.
"""

from longtake.provider.client import Provider as Provider
from longtake.provider.error_codes import wants_rehosting as wants_rehosting
from longtake.provider.partial_download import Fetched as Fetched
from longtake.provider.polling import PollCadence
from longtake.provider.readable import Readable as Readable
from longtake.provider.submit_outcome import SubmitAccepted
from longtake.provider.tasks import ProviderTask
from longtake.provider.tasks import failure as failure
from longtake.provider.url_safety import check_url as check_url

__all__ = [
    "Fetched",
    "PollCadence",
    "Provider",
    "ProviderTask",
    "Readable",
    "SubmitAccepted",
    "check_url",
    "failure",
    "wants_rehosting",
]
