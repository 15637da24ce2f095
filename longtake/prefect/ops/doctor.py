"""The half of `longtake doctor --prefect` that knows Prefect."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import prefect
from packaging.version import Version
from prefect.client.orchestration import get_client
from prefect.exceptions import PrefectException
from prefect.settings import get_current_settings

from longtake.finding import Finding
from longtake.prefect.ops import automations
from longtake.prefect.ops.deployments import Deployed, block_types, lost_runs
from longtake.prefect.ops.server import LEASES, RECORDING, Server

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

_OLDEST = Version("3.9")


def look(flows: Mapping[str, Collection[str]], *, fix: bool) -> tuple[list[Finding], dict[str, str]]:
    """Check this machine's Prefect settings, the server of the active profile, and its deployments.

    Args:
        flows: the parameters of each of Longtake's flows, by the flow's name.
        fix: repair what can be repaired on the server.

    Returns:
        The findings, and the environment variables that the server should be started with in addition to its own.
    """
    environment: dict[str, str] = {}
    return list(_look(flows, environment, fix=fix)), environment


def _look(flows: Mapping[str, Collection[str]], environment: dict[str, str], *, fix: bool) -> Iterator[Finding]:
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
            deployed = Deployed.read(server, flows)
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
        text = "off here: a killed run of this machine stays Running forever; set PREFECT_FLOWS_HEARTBEAT_FREQUENCY"
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
    """Check the settings that the server reports, which may differ from this machine's."""
    try:
        settings = server.ask("GET", "/admin/settings")
        found = settings["server"]
    except (httpx.HTTPStatusError, KeyError):
        yield Finding("server settings", "warn", "this server does not report them")
        return
    messaging = str(found["events"]["messaging_broker"])
    alone = messaging.endswith(".memory")
    driver = found["database"].get("driver")
    base = f"database by {driver}" if driver else "database not reported"
    yield Finding(
        "server settings", "ok", f"events go through {'its memory: one process' if alone else messaging}; {base}"
    )
    lease = str(found["concurrency"]["lease_storage"])
    if lease.endswith(".memory"):
        environment[LEASES.variable] = str(LEASES.value) if alone else "prefect_redis.lease_storage"
        text = "kept in the server's memory: after a restart, limits count slots as taken whose holders are gone"
        yield Finding("leases", "warn", text)
    else:
        yield Finding("leases", "ok", f"kept by {lease}")
    wrong = {
        setting: value
        for setting in RECORDING
        if (value := setting.read(settings)) is not None and not setting.accepts(value)
    }
    environment |= {setting.variable: str(setting.value) for setting in wrong}
    if wrong:
        each = [
            f"{setting.path} is {value:g}, should be {setting.bound} {setting.value}"
            for setting, value in wrong.items()
        ]
        text = "a film of many shots costs the server up to four times the CPU, and bursts of events are lost"
        yield Finding("batches", "warn", f"{text}: {'; '.join(each)}")
    else:
        yield Finding("batches", "ok", "the server writes events in batches")
