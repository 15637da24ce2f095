"""`python -m flows.doctor [--fix]`: the half of `longtake doctor --prefect` that knows Prefect. Prints one JSON object."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import httpx
import prefect
from packaging.version import Version
from prefect.client.orchestration import get_client
from prefect.exceptions import PrefectException
from prefect.settings import get_current_settings

from flows import automations
from flows.deployed import Deployed, block_types, lost_runs
from flows.server import BATCHES, FLUSH, LEASES, Server
from longtake.cli.doctor import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_OLDEST = Version("3.9")


def main() -> int:
    """Look at everything and print it; the exit code is the caller's to make."""
    parser = argparse.ArgumentParser(prog="longtake doctor --prefect")
    parser.add_argument("--fix", action="store_true")
    options = parser.parse_args()
    environment: dict[str, str] = {}
    findings = list(_look(environment, fix=options.fix))
    body = {"findings": [asdict(f) for f in findings], "server_environment": environment}
    print(json.dumps(body))  # noqa: T201 - the command reads it
    return 0


def _look(environment: dict[str, str], *, fix: bool) -> Iterator[Finding]:
    """Findings; `environment` is filled with what should be set where the server runs."""
    yield from _this_machine()
    url = get_current_settings().api.url
    if url is None:
        text = (
            "no PREFECT_API_URL: runs here start a temporary server, and there are no schedules, workers or automations"
        )
        yield Finding("Prefect server", "warn", text)
        return
    try:
        with get_client(sync_client=True) as client:
            server = Server(client)
            yield _version(str(httpx.URL(url).copy_with(userinfo=b"")), server)
            yield from _settings(server, environment)
            yield from block_types(server, fix=fix)
            deployed = Deployed.read(server)
            yield from deployed.look(fix=fix)
            ours = deployed.own_flows()
            silence = automations.silence_of(server, get_current_settings().flows.heartbeat_frequency)
            yield from lost_runs(server, ours, silence, fix=fix)
            yield from automations.look(server, ours, silence, fix=fix)
    except httpx.HTTPStatusError as error:
        request = error.request
        yield Finding(
            "Prefect server", "bad", f"{request.method} {request.url.path} answered {error.response.status_code}"
        )
    except (httpx.HTTPError, httpx.InvalidURL, PrefectException, RuntimeError) as error:
        yield Finding("Prefect server", "bad", f"it does not answer: {type(error).__name__}; check PREFECT_API_URL")


def _this_machine() -> Iterator[Finding]:
    settings = get_current_settings()
    beat = settings.flows.heartbeat_frequency
    if beat is None:
        text = "off here: a run of this machine that is killed stays Running for ever; set PREFECT_FLOWS_HEARTBEAT_FREQUENCY"
        yield Finding("heartbeat", "warn", f"{text} (seconds, at least 30)")
    else:
        yield Finding("heartbeat", "ok", f"runs here send one every {beat} s")
    if settings.results.persist_by_default:
        text = "PREFECT_RESULTS_PERSIST_BY_DEFAULT is on here: it writes a file for each run, which nothing here reads"
        yield Finding("results", "warn", f"{text}; Longtake's own flows leave it off")
    else:
        yield Finding("results", "ok", "nothing is persisted through Prefect")


def _version(url: str, server: Server) -> Finding:
    theirs = Version(server.ask("GET", "/admin/version"))
    here = Version(prefect.__version__)
    text = f"{url} answers, Prefect {theirs}; here {here}"
    if theirs < _OLDEST:
        return Finding("Prefect server", "warn", f"{text}: older than {_OLDEST}, which is not tested")
    if theirs.release[:2] < here.release[:2]:
        return Finding("Prefect server", "warn", f"{text}: a client newer than its server is not supported by Prefect")
    return Finding("Prefect server", "ok", text)


def _settings(server: Server, environment: dict[str, str]) -> Iterator[Finding]:
    """What the server itself says of its settings, not what this machine would set."""
    try:
        found = server.ask("GET", "/admin/settings")["server"]
    except (httpx.HTTPStatusError, KeyError):
        yield Finding("server settings", "warn", "this server does not show them")
        return
    messaging = str(found["events"]["messaging_broker"])
    alone = messaging.endswith(".memory")
    driver = found["database"].get("driver")
    base = f"database by {driver}" if driver else "which database, it does not say"
    yield Finding(
        "server settings", "ok", f"events go through {'its memory: one process' if alone else messaging}; {base}"
    )
    lease, name = str(found["concurrency"]["lease_storage"]), "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE"
    if lease.endswith(".memory"):
        environment[name] = LEASES if alone else "prefect_redis.lease_storage"
        text = "kept in the server's memory: after a restart, limits count slots as taken that nobody holds"
        yield Finding("leases", "warn", text)
    else:
        yield Finding("leases", "ok", f"kept by {lease}")
    small = {name: size for name, size in BATCHES.items() if _number(found, name, size) < size}
    small |= {name: seconds for name, seconds in FLUSH.items() if _number(found, name, seconds) > seconds}
    environment |= {name: str(value) for name, value in small.items()}
    if small:
        text = (
            "the server writes events one by one: a film of many shots costs it four times the CPU, and a burst is lost"
        )
        yield Finding("batches", "warn", text)
    else:
        yield Finding("batches", "ok", "the server writes events in batches")


def _number(found: Mapping[str, Any], variable: str, default: float) -> float:
    """A service's setting by its variable; one that this version does not have counts as right."""
    rest = variable.removeprefix("PREFECT_SERVER_SERVICES_").lower()
    for service, values in found["services"].items():
        if rest.startswith(f"{service}_") and (key := rest.removeprefix(f"{service}_")) in values:
            return float(values[key])
    return default


if __name__ == "__main__":
    sys.exit(main())
