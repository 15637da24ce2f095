"""Tie a film's trace to Prefect: it names the flow run, and goes on with the trace of the run that dispatched it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from opentelemetry import context, trace
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from prefect.client.orchestration import get_client
from prefect.context import FlowRunContext
from prefect.runtime import flow_run
from prefect.telemetry.run_telemetry import LABELS_TRACEPARENT_KEY

from longtake.prefect.artifacts import harmless
from longtake.telemetry.attributes import RUN_ATTRIBUTES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prefect.client.schemas.objects import FlowRun

_W3C = TraceContextTextMapPropagator()
_HEADER = "traceparent"


@contextlib.contextmanager
def traced() -> Iterator[None]:
    """Let films of the body name the flow run under way, and be part of its trace.

    Prefect has a span for the run where the program has set up OpenTelemetry. Without one, a run that another one dispatched knows
    the span of the film from its labels.
    """
    found = context.set_value(RUN_ATTRIBUTES, {"prefect.flow_run.id": flow_run.get_id() or ""})
    under_way = FlowRunContext.get()
    labels = under_way.flow_run.labels if under_way is not None and under_way.flow_run is not None else {}
    parent = labels.get(LABELS_TRACEPARENT_KEY)
    if isinstance(parent, str) and not trace.get_current_span().get_span_context().is_valid:
        found = _W3C.extract({_HEADER: parent}, found)
    token = context.attach(found)
    try:
        yield
    finally:
        context.detach(token)


async def hand_on(run: FlowRun) -> None:
    """Label a run that was dispatched just now with the span under way, where there is one and Prefect has not done it."""
    carrier: dict[str, str] = {}
    _W3C.inject(carrier)
    if _HEADER not in carrier or LABELS_TRACEPARENT_KEY in run.labels:
        return

    async def work() -> None:
        async with get_client() as client:
            await client.update_flow_run_labels(run.id, {LABELS_TRACEPARENT_KEY: carrier[_HEADER]})

    await harmless(work())
