"""Where traces and metrics go: through the program's own OpenTelemetry where it has one, else by OTLP to the collector.

The global providers belong to the program, so they are used and never set.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import threading
from typing import TYPE_CHECKING

from opentelemetry import metrics, trace

from longtake.telemetry.destination import check
from longtake.telemetry.metrics import Metrics
from longtake.version import VERSION

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

_log = logging.getLogger("longtake.telemetry")

_PATIENCE = 5.0
"""Seconds that the end of a run waits for the collector."""
_SCOPE = "longtake"


class Exporting:
    """The tracer, the metrics, and a way to send what they hold. One for a process.

    Args:
        tracers: makes the tracer.
        meters: makes the meter.
    """

    def __init__(self, tracers: TracerProvider, meters: MeterProvider) -> None:
        self.providers = (tracers, meters)
        self.tracer = tracers.get_tracer(_SCOPE, VERSION)
        self.metrics = Metrics(meters.get_meter(_SCOPE, VERSION))

    async def flush(self) -> None:
        """Send recorded data and current levels to the collector within seconds. It never raises."""
        loop = asyncio.get_running_loop()
        sent = loop.create_future()

        def done() -> None:
            if not sent.done():
                sent.set_result(None)

        def work() -> None:
            self.metrics.expire()
            for one in self.providers:
                try:
                    # The API has no such method, the SDK has.
                    getattr(one, "force_flush", bool)()
                except Exception as error:  # noqa: BLE001 - watching must not cost a film
                    _log.warning("telemetry was not sent: %s", type(error).__name__)
            with contextlib.suppress(RuntimeError):  # the run has waited long enough, and its loop is closed
                loop.call_soon_threadsafe(done)

        # A daemon, because a collector that is away must not hold up the end of the process.
        threading.Thread(target=work, name="longtake-telemetry", daemon=True).start()
        await asyncio.wait({sent}, timeout=_PATIENCE)


_guard = threading.Lock()


def exporting() -> Exporting:
    """Give the exports of this process.

    Raises:
        SettingsError: the SDK or its exporter is not installed, or the environment asks for another protocol.
    """
    with _guard:
        return made()


@functools.cache
def made() -> Exporting:
    """Make the exports; one thread at a time may call it first."""
    tracers, meters = trace.get_tracer_provider(), metrics.get_meter_provider()
    if _is_set(tracers) or _is_set(meters):
        return Exporting(tracers, meters)
    check()
    from longtake.telemetry.sdk import providers  # noqa: PLC0415 - of the extra, and slow to load

    return Exporting(*providers())


def _is_set(provider: object) -> bool:
    """Whether the program has set a provider: those of the API alone are stand-ins."""
    return not type(provider).__module__.startswith(("opentelemetry.trace", "opentelemetry.metrics"))
