"""An OpenTelemetry collector that takes OTLP over HTTP, decodes it, and keeps what came."""

from __future__ import annotations

import gzip
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Seen:
    """A span as it came."""

    name: str
    trace: str
    id: str
    parent: str
    attributes: dict[str, Any]
    events: tuple[str, ...]
    failed: bool
    seconds: float


@dataclass
class Collector:
    """Everything that came since it was started."""

    url: str = ""
    bodies: list[bytes] = field(default_factory=list)
    spans: list[Seen] = field(default_factory=list)
    points: dict[tuple[str, tuple[tuple[str, Any], ...]], float] = field(default_factory=dict)
    """The newest value of each series; of a histogram, how many values it holds."""
    units: dict[str, str] = field(default_factory=dict)
    resources: list[dict[str, Any]] = field(default_factory=list)

    @property
    def env(self) -> dict[str, str]:
        """The variables that turn telemetry on and send it here."""
        return {"LONGTAKE_OTEL": "on", "OTEL_EXPORTER_OTLP_ENDPOINT": self.url}

    def trees(self) -> list[list[Seen]]:
        """The spans of each trace."""
        found: dict[str, list[Seen]] = {}
        for span in self.spans:
            found.setdefault(span.trace, []).append(span)
        return list(found.values())

    def point(self, name: str, **attributes: Any) -> float | None:
        """The value of the one series that has these attributes; `film` stands for `longtake.film` and so on."""
        wanted = {f"longtake.{key.replace('__', '.')}": value for key, value in attributes.items()}
        (found,) = [v for (n, a), v in self.points.items() if n == name and wanted.items() <= dict(a).items()] or [None]
        return found

    def take(self, path: str, body: bytes) -> None:
        self.bodies.append(body)
        if path == "/v1/traces":
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                self.resources.append(_values(resource.resource.attributes))
                self.spans += [_span(span) for scope in resource.scope_spans for span in scope.spans]
        else:
            assert path == "/v1/metrics", path
            for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                self.resources.append(_values(resource.resource.attributes))
                for metric in (metric for scope in resource.scope_metrics for metric in scope.metrics):
                    self._take(metric)

    def _take(self, metric: Any) -> None:
        self.units[metric.name] = metric.unit
        for point in getattr(metric, metric.WhichOneof("data")).data_points:
            key = (metric.name, tuple(sorted(_values(point.attributes).items())))
            kind = point.WhichOneof("value") if hasattr(point, "as_int") else None
            self.points[key] = getattr(point, kind) if kind else point.count


def _span(span: Any) -> Seen:
    return Seen(
        span.name,
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        _values(span.attributes),
        tuple(event.name for event in span.events),
        span.status.code == span.status.STATUS_CODE_ERROR,
        (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9,
    )


def _values(attributes: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector in a thread."""
    found = Collector()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.take(self.path, gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body)
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", "0")
            self.end_headers()

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield found
        server.shutdown()
