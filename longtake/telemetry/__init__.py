"""Traces and metrics of films by OpenTelemetry, where `LONGTAKE_OTEL` asks for them (docs/how-to/metrics.md).

Nothing of OpenTelemetry is imported before that. As any observer, this shows and decides nothing: a collector that is away costs
a run seconds at its end.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from longtake.observer import Observer, Observers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from longtake.ledger import Ledger
    from longtake.settings import Settings

__all__ = ["observing"]


@contextlib.asynccontextmanager
async def observing(
    settings: Settings, observer: Observer | None, *, film: str, run: str, ledger: Ledger | None = None
) -> AsyncIterator[Observer]:
    """Give an observer that also traces one film and counts, where the settings ask for it; what it saw is sent at the end.

    Args:
        settings: say whether.
        observer: the one of the run; it stays inside.
        film: the film's slug.
        run: the id of the run.
        ledger: read for the metrics of credits while this is open.

    Raises:
        SettingsError: the settings ask for it, and the extra `otel` is not installed or cannot send as the environment says.
    """
    inner = observer or Observer()
    if settings.otel == "off":
        yield inner
        return
    from longtake.telemetry.exporting import exporting  # noqa: PLC0415 - loads OpenTelemetry
    from longtake.telemetry.traces import TraceObserver  # noqa: PLC0415 - as above

    exports = exporting()
    account = ledger.account if ledger is not None else ""
    traces = TraceObserver(exports, film=film, run=run, account=account, prompts=settings.otel == "prompts")
    with exports.metrics.reading(ledger, film) if ledger is not None else contextlib.nullcontext():
        try:
            yield Observers([traces, inner])
        finally:
            await exports.flush()
