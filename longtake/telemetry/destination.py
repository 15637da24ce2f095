"""Whether this process can send traces and metrics by itself, and where to, as the environment says. Imports no OpenTelemetry."""

from __future__ import annotations

import os
from importlib.util import find_spec
from urllib.parse import urlsplit

from longtake.errors import SettingsError

SIGNALS = ("TRACES", "METRICS")


def check() -> None:
    """See that this process could send by itself.

    Raises:
        SettingsError: it could not.
    """
    needed = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")
    if not all(map(_is_installed, needed)):
        raise SettingsError(
            "LONGTAKE_OTEL asks for traces and metrics, and OpenTelemetry's SDK is not installed",
            next_step="install `longtake[otel]`, or unset LONGTAKE_OTEL",
        )
    for signal in SIGNALS:
        exporter = os.environ.get(f"OTEL_{signal}_EXPORTER") or "otlp"
        names = (f"OTEL_EXPORTER_OTLP_{signal}_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
        protocol = next((os.environ[name] for name in names if os.environ.get(name)), "http/protobuf")
        if exporter not in {"otlp", "none"} or (exporter == "otlp" and protocol != "http/protobuf"):
            raise SettingsError(
                f"the environment asks for {exporter if exporter != 'otlp' else protocol}, and Longtake sends {signal.lower()} "
                "by OTLP over http/protobuf only",
                next_step="set OTEL_EXPORTER_OTLP_PROTOCOL to http/protobuf and the endpoint to the collector's HTTP port, or "
                "start the program with `opentelemetry-instrument`, whose exporters are then used",
            )


def is_wanted(signal: str) -> bool:
    """Whether a signal is sent at all: `OTEL_TRACES_EXPORTER=none` turns one off."""
    return os.environ.get(f"OTEL_{signal}_EXPORTER", "otlp").strip().lower() != "none"


def _is_installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ImportError:
        return False


def destination() -> str:
    """Say where this process would send traces and metrics: hosts and ports only, as URLs and headers may hold secrets."""
    found: dict[str, list[str]] = {}
    for signal in SIGNALS:
        if not is_wanted(signal):
            place = "nowhere"
        else:
            names = (f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
            url = next((os.environ[name] for name in names if os.environ.get(name)), "http://localhost:4318")
            place = urlsplit(url).netloc.rpartition("@")[2] or "an address that is not a URL"
        found.setdefault(place, []).append(signal.lower())
    return "; ".join(f"{' and '.join(signals)} to {place}" for place, signals in found.items())
