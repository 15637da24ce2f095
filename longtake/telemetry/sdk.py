"""Longtake's own providers: OpenTelemetry's SDK with OTLP over HTTP, as the variables `OTEL_…` say."""

from __future__ import annotations

import uuid
from typing import Any

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from longtake.telemetry.destination import is_wanted
from longtake.version import VERSION


def providers() -> tuple[TracerProvider, MeterProvider]:
    """Make both. Each run flushes what it has seen, so nothing is left to send when the process ends."""
    own: dict[str, Any] = {
        "service.name": "longtake",
        "service.version": VERSION,
        # Each process sends series of its own: without this, two workers would overwrite each other's counts.
        "service.instance.id": str(uuid.uuid4()),
    }
    resource = Resource.create({**own, **OTELResourceDetector().detect().attributes})
    tracers = TracerProvider(resource=resource, shutdown_on_exit=False)
    if is_wanted("TRACES"):
        tracers.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    readers = [PeriodicExportingMetricReader(OTLPMetricExporter())] if is_wanted("METRICS") else []
    return tracers, MeterProvider(readers, resource=resource, shutdown_on_exit=False)
