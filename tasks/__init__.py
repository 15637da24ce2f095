"""One Prefect task per file. Each works awaited, called from a sync flow, with `.submit()` and `.map()`, on any task runner."""

from longtake.tasks.concatenate import concatenate
from longtake.tasks.generate import generate
from longtake.tasks.ingest import ingest
from longtake.tasks.poll import poll
from longtake.tasks.submit import submit
from longtake.tasks.upload import upload

__all__ = ["concatenate", "generate", "ingest", "poll", "submit", "upload"]
