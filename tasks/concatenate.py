"""Concatenate: takes become one film; free."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect.runtime import flow_run, task_run

from longtake.prefect.config import settings_of
from longtake.prefect.step_task import step_task
from longtake.studio import concatenating

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longtake.blocks import ArtifactStore
    from longtake.library import Take
    from longtake.studio import Film


def _run_name() -> str:
    return f"film {(task_run.get_parameters() or {}).get('title', '')} · concatenate"


@step_task("concatenate", run_name=_run_name)
async def concatenate(takes: Sequence[Take], *, title: str, store: ArtifactStore | None = None) -> Film:
    """Concatenate takes into a film, in this order. Where a take continues the one before it, the shared frame is shown once.

    Args:
        takes: what `generate` or `ingest` gave.
        title: the film's; the store keeps it under the title's slug.
        store: where the clips are and the film goes; LONGTAKE_STORE, if left out.

    Raises:
        MediaError, FfmpegError: the clips cannot be concatenated.
        StoreError: the store is away, or a clip is gone; tried again by Prefect.
    """
    settings = settings_of(None, store)
    return await concatenating.concatenate(settings, takes, title=title, run=flow_run.get_id())
